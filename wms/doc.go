// Package wms has the rules of the workload management system: what a
// submitted JDL becomes, and (to come) which status may follow which. It knows no SQL and no HTTP.
package wms
