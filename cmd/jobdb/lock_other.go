//go:build !unix

package main

import "os"

// lock does nothing here. If two processes renew a login at once, the user may have to log in
// again.
func lock(*os.File) error { return nil }
