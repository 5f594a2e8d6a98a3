// Package schema finds out who made the tables in a database, and which of them are missing or hold
// less than jobdb's ([Probe], [Check]). It makes jobdb's own tables by migrations ([Migrator]).
package schema

import (
	"strings"
	"time"
)

// Kind says who made a database.
type Kind string

// The kinds of databases.
const (
	KindEmpty   Kind = "empty"        // no table of ours in it
	KindOurs    Kind = "jobdb"        // made by the migrations of this package
	KindDiracX  Kind = "DiracX"       // made by DiracX
	KindLegacy  Kind = "legacy DIRAC" // made by DIRAC
	KindUnknown Kind = "unknown"      // tables of these names, but not usable
)

// Facts are properties of a database on which the text of statements depends. They are read once,
// when the database is opened, and again after migrations.
type Facts struct {
	Kind         Kind
	Refusal      string // why a database of ours can't be used, such as one of a newer jobdb; else ""
	WholeSeconds bool   // times have no fraction (live MariaDB)
	Cascade      bool   // deleting a JobJDLs row deletes all that belongs to the job, but for history
	Jobs         bool   // the table Jobs is here; a database of DiracX may have nothing but history
	History      bool   // LoggingInfo is here
	Parameters   bool   // JobParameters is here; DIRAC from 9.1.22 on keeps parameters in OpenSearch only
	Outbox       bool   // ParametersOutbox is here
	Series       bool   // Tasks and Series are here
	AtticCycles  bool   // AtticJobParameters keeps more than one cycle
	Counts       bool   // triggers keep counts of jobs
	NoCounts     bool   // the counts were left out, see [WithoutCounts]
	Counted      bool   // the counts are complete

	// Collations has the collation of each text column that the engine doesn't compare byte by
	// byte, by "Table.Column"; empty on our schema.
	Collations map[string]string
	// Nulls are the text columns with such a collation that may be NULL.
	Nulls map[string]bool
	// ColumnLimits has the columns that hold less than ours, by "Table.Column" (live MariaDB).
	ColumnLimits map[string]ColumnLimits
	// OfVO has the indexes of Jobs that give the jobs of a VO by one column and then by JobID, by
	// the column's name.
	OfVO map[string]string
	// Indexes are those of Jobs, by their names, but for the primary key.
	Indexes []Index
	// ExactCollation compares utf8mb4 byte by byte, trailing spaces included (MariaDB and MySQL).
	ExactCollation string
}

// Tick is the smallest difference between two times that the database keeps.
func (s *Facts) Tick() time.Duration {
	if s.WholeSeconds {
		return time.Second
	}
	return time.Microsecond
}

// Collation returns the collation of a text column, "" where the column is compared byte by byte.
func (s *Facts) Collation(table, column string) string { return s.Collations[table+"."+column] }

// Index is an index of a table.
type Index struct {
	Name    string
	Columns []string
}

// IndexBy returns the name of the index of Jobs that begins with this column, the one with the
// fewest columns; "" if there is none.
func (s *Facts) IndexBy(column string) string {
	var best Index
	for _, index := range s.Indexes {
		if index.Columns[0] == column && (best.Name == "" || len(index.Columns) < len(best.Columns)) {
			best = index
		}
	}
	return best.Name
}

// ByteExact makes of an expression for a text column one that compares byte by byte. It returns the
// same expression if the column does so anyway.
func (s *Facts) ByteExact(table, column, expression string) string {
	switch collation := s.Collation(table, column); {
	case collation == "":
		return expression
	case strings.HasPrefix(collation, "utf8mb4_"): // a conversion would only take time
		return expression + " COLLATE " + s.ExactCollation
	}
	return "CONVERT(" + expression + " USING utf8mb4) COLLATE " + s.ExactCollation
}

// IndexesColumn reports whether an index of Jobs begins with the column, or with VO, the column and
// JobID.
func (s *Facts) IndexesColumn(column string) bool {
	return s.OfVO[column] != "" || s.IndexBy(column) != ""
}
