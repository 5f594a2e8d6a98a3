package jobdb

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
type schema struct {
	kind         SchemaKind
	refusal      string // why a database of ours can't be used: it is from the future; else ""
	wholeSeconds bool   // times have no fraction (live MariaDB)
	cascade      bool   // deleting a JobJDLs row deletes all that belongs to the job, but for history
	jobs         bool   // the table Jobs is here; a database of DiracX may have nothing but history
	history      bool   // LoggingInfo is here
	atticCycles  bool   // AtticJobParameters keeps more than one cycle
	counts       bool   // triggers keep counts of jobs
	counted      bool   // and they are complete

	// collations has the collation of each text column that the engine
	// doesn't compare byte by byte, by "Table.Column"; empty on our schema.
	collations map[string]string
	// narrow has the columns that hold less than ours, by "Table.Column" (live MariaDB).
	narrow map[string]narrow
	// ofVO has the indexes of Jobs that give the jobs of a VO by one column and then by JobID, by the column's name.
	ofVO map[string]string
	// exactCollation compares utf8mb4 byte by byte, trailing spaces included (MariaDB only).
	exactCollation string
}

// collation is "" where the column is compared byte by byte.
func (s *schema) collation(table, column string) string { return s.collations[table+"."+column] }

// narrow is a column of a live database that holds less than ours does.
type narrow struct {
	charset string // of a text; "" when it holds all of Unicode
	bytes   int    // of a text without a length of its own; 0: as many as ours
	int32   bool   // an integer of 32 bits, perhaps unsigned
}
