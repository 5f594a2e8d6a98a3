package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
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

// processorTimeOf is for how long a process has used processors.
func processorTimeOf(pid int) time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // elsewhere than on Linux nothing is known
	fields := strings.Fields(string(text[1+bytes.LastIndexByte(text, ')'):]))
	ticks := 0
	for i := 11; i < 13 && i < len(fields); i++ { // in user mode, and in the system
		n, _ := strconv.Atoi(fields[i])
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func (s *server) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.pid), []byte("5"), 0)
}
