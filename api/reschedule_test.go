package api

import (
	"strings"
	"testing"

	"jobdb"
	"jobdb/auth"
	"jobdb/wms"
)

// TestMemoryToTell leaves JDLs out of the answer to a reschedule while the caller's other answers have the
// memory.
func TestMemoryToTell(t *testing.T) {
	s := &service{answers: answerGate()}
	p := auth.Principal{Subject: "lhcb:alice"}
	reported := func(bytes int) *wms.RescheduleReport {
		return &wms.RescheduleReport{Success: map[jobdb.JobID]wms.Rescheduled{1: {JDL: strings.Repeat("x", bytes), RescheduleCounter: 2}}}
	}
	others := s.answers.tryTake(p.Subject, s.answers.share)
	report := reported(smallAnswer + 1)
	memoryOfJDLs := s.memoryForJDLs(p, report)
	if job := report.Success[1]; memoryOfJDLs != nil || job.JDL != "" || job.RescheduleCounter != 2 {
		t.Errorf("without memory the answer has %d bytes of JDLs", len(job.JDL))
	}
	small := reported(smallAnswer)
	if memoryOfJDLs := s.memoryForJDLs(p, small); memoryOfJDLs != nil || len(small.Success[1].JDL) != smallAnswer {
		t.Error("a small answer waits for memory")
	}
	others.leave()
	report = reported(smallAnswer + 1)
	if memoryOfJDLs = s.memoryForJDLs(p, report); memoryOfJDLs == nil || len(report.Success[1].JDL) != smallAnswer+1 {
		t.Error("the JDLs are left out though there is memory")
	}
	memoryOfJDLs.leave()
	if s.answers.tryTake(p.Subject, s.answers.share) == nil {
		t.Error("the memory isn't given back")
	}
}
