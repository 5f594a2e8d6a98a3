//go:build !unix

package main

import "time"

// ownProcessorTime isn't known here.
func ownProcessorTime() time.Duration { return 0 }
