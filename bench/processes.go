package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// peakMemory is the most that the server had in memory since forgetPeak, in bytes.
func (s *server) peakMemory() (int64, error) {
	text := strings.TrimSuffix(lineOf(fmt.Sprintf("/proc/%d/status", s.pid), "VmHWM"), " kB")
	kB, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errors.New("Linux doesn't say how much memory the server took: " + text)
	}
	return kB << 10, nil
}

func (s *server) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.pid), []byte("5"), 0)
}
