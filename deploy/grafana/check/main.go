// The program check holds a dashboard against Grafana's own schema, as Grafana publishes it for Go: no
// field may be unknown, none that is required may be missing. It is a module of its own, since only
// this needs that schema.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins() // the schemas of panels and queries
	panels, err := check(os.Args[1])
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s isn't as Grafana's schema wants it:\n%v\n", os.Args[1], err)
		os.Exit(1)
	}
	fmt.Printf("%s: %d panels are as Grafana's schema wants them\n", os.Args[1], panels)
}

func check(path string) (panels int, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var d dashboard.Dashboard
	err = errors.Join(some(d.UnmarshalJSONStrict(text)), some(d.Validate()))
	return len(d.Panels), err
}

// some is an error without those that are a list of none.
func some(err error) error {
	if list := cog.BuildErrors(nil); errors.As(err, &list) && len(list) == 0 {
		return nil
	}
	return err
}
