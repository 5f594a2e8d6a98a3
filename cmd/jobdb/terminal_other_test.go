//go:build !linux

package main

import (
	"errors"
	"os"
)

func openTerminal() (here, there *os.File, err error) {
	return nil, nil, errors.New("tests make terminals on Linux only")
}
