//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// lock waits until no other process has the file locked, and locks it until it is closed.
func lock(file *os.File) error {
	return unix.Flock(int(file.Fd()), unix.LOCK_EX)
}
