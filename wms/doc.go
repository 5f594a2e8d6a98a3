// Package wms has the rules of the workload management system: what a
// submitted JDL becomes. It knows no SQL and no HTTP.
package wms
