// Package files reads the small files that settings name: rules, keys, tokens, certificates.
package files

import (
	"fmt"
	"io"
	"os"
)

// MaxBytes is how long such a file may be.
const MaxBytes = 1 << 20

// Read returns what is in a file of at most MaxBytes. A named pipe, a device or a directory is an
// error and isn't opened: reading it could take for ever, or never end.
func Read(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // without one, to open it tells
		return nil, fmt.Errorf("%s is %s, not a file; write what it should hold to a file", path, kind(info.Mode()))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(file, MaxBytes+1))
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%s is longer than %d bytes; is it the right file?", path, MaxBytes)
	}
	return text, err
}

func kind(mode os.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&os.ModeNamedPipe != 0:
		return "a pipe"
	case mode&os.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}
