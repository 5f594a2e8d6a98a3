package main

import (
	"fmt"
	"strings"
)

// diracTable has the times of both and how many times as long DIRAC's take, bold where ours takes
// longer.
func diracTable(results []result) string {
	if len(results) == 0 {
		return ""
	}
	var b strings.Builder
	engines := distinct(results, func(r result) string { return r.Engine })
	b.WriteString("| method of DIRAC's | jobs in a call |")
	for _, engine := range engines {
		fmt.Fprintf(&b, " %s: ours, ms | DIRAC's, ms | ratio |", engineNames[engine])
	}
	b.WriteString("\n| --- | ---: |" + strings.Repeat(" ---: | ---: | ---: |", len(engines)) + "\n")
	order, found := byRow(results)
	for _, row := range order {
		size := ""
		if row.size > 0 {
			size = withCommas(row.size)
		}
		fmt.Fprintf(&b, "| %s | %s |", row.method, size)
		for _, engine := range engines {
			r, ok := found[key{engine, results[0].Jobs, row.method, row.size}]
			if !ok {
				b.WriteString(" | | |")
				continue
			}
			ratio := fmt.Sprintf("%.2f", r.Ratio)
			if r.Ratio < 1 {
				ratio = "**" + ratio + "**"
			}
			fmt.Fprintf(&b, " %s | %s | %s (%.2f–%.2f) |", milliseconds(r.Ours), milliseconds(r.Bare), ratio, r.RatioLow, r.RatioHigh)
		}
		b.WriteString("\n")
	}
	return b.String() + "\n"
}
