package jobdb

import (
	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// Kind is what a column holds.
type Kind = tables.Kind

// The kinds of columns.
const (
	KindInteger   = tables.KindInteger   // int64
	KindText      = tables.KindText      // string
	KindTime      = tables.KindTime      // time.Time, UTC
	KindVerified  = tables.KindVerified  // bool
	KindAccounted = tables.KindAccounted // AccountedFlag
)

// SchemaKind says who made a database.
type SchemaKind = schema.Kind

// The kinds of databases.
const (
	SchemaEmpty   = schema.KindEmpty   // no table of ours in it
	SchemaOurs    = schema.KindOurs    // made by the migrations of this package
	SchemaDiracX  = schema.KindDiracX  // made by DiracX
	SchemaLegacy  = schema.KindLegacy  // made by DIRAC
	SchemaUnknown = schema.KindUnknown // tables of these names, but not usable
)
