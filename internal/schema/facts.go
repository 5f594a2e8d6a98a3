package schema

// SchemaKind says who made a database.
type SchemaKind string

// The kinds of databases.
const (
	SchemaEmpty   SchemaKind = "empty"        // no table of ours in it
	SchemaOurs    SchemaKind = "jobdb"        // made by the migrations of this package
	SchemaDiracX  SchemaKind = "DiracX"       // made by DiracX
	SchemaLegacy  SchemaKind = "legacy DIRAC" // made by DIRAC
	SchemaUnknown SchemaKind = "unknown"      // tables of these names, but not usable
)

// schema is what a statement must know of the database it runs on. It is
// read once, when the database is opened, and again after migrations.
type Facts struct {
	Kind         SchemaKind
	Refusal      string // why a database of ours can't be used: it is from the future; else ""
	WholeSeconds bool   // times have no fraction (live MariaDB)
	Cascade      bool   // deleting a JobJDLs row deletes all that belongs to the job, but for history
	Jobs         bool   // the table Jobs is here; a database of DiracX may have nothing but history
	History      bool   // LoggingInfo is here
	AtticCycles  bool   // AtticJobParameters keeps more than one cycle
	Counts       bool   // triggers keep counts of jobs
	Counted      bool   // and they are complete

	// collations has the collation of each text column that the engine
	// doesn't compare byte by byte, by "Table.Column"; empty on our schema.
	Collations map[string]string
	// narrow has the columns that hold less than ours, by "Table.Column" (live MariaDB).
	Narrow map[string]narrow
	// ofVO has the indexes of Jobs that give the jobs of a VO by one column and then by JobID, by the column's name.
	OfVO map[string]string
	// exactCollation compares utf8mb4 byte by byte, trailing spaces included (MariaDB and MySQL).
	ExactCollation string
}

// collation is "" where the column is compared byte by byte.
func (s *Facts) Collation(table, column string) string { return s.Collations[table+"."+column] }
