package jobdb

import (
	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// Kind is what a column holds.
type Kind = tables.Kind

// The kinds of columns.
const (
	Integer   = tables.Integer   // int64
	Text      = tables.Text      // string
	Time      = tables.Time      // time.Time, UTC
	Verified  = tables.Verified  // bool
	Accounted = tables.Accounted // AccountedFlag
)

// SchemaKind says who made a database.
type SchemaKind = schema.SchemaKind

// The kinds of databases.
const (
	SchemaEmpty   = schema.SchemaEmpty   // no table of ours in it
	SchemaOurs    = schema.SchemaOurs    // made by the migrations of this package
	SchemaDiracX  = schema.SchemaDiracX  // made by DiracX
	SchemaLegacy  = schema.SchemaLegacy  // made by DIRAC
	SchemaUnknown = schema.SchemaUnknown // tables of these names, but not usable
)
