package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"jobdb/metrics"
)

type versionCommand struct{}

// Run prints the version of the binary.
func (versionCommand) Run(p *program) error {
	build := buildInfo()
	_, err := fmt.Fprintln(p.stdout, strings.TrimSpace("jobdb "+build.Version+" "+build.Revision))
	return err
}

// buildInfo says which program this is.
func buildInfo() metrics.Build {
	build := metrics.Build{Version: "unknown", Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		build.Version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				build.Revision = s.Value
			}
		}
	}
	return build
}
