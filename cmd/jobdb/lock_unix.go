//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// lock locks a file until it is closed. It waits while another process has the lock.
func lock(file *os.File) error {
	return unix.Flock(int(file.Fd()), unix.LOCK_EX)
}
