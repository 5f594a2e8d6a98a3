package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"
	"unicode"
)

// sampleWriter writes samples in the format of Go's benchmarks, which
// golang.org/x/perf/cmd/benchstat reads: https://go.dev/design/14313-benchmark-format. A nil one
// writes nothing.
type sampleWriter struct{ out io.Writer }

// sample is the time of one call, in nanoseconds, of that many calls.
type sample struct {
	calls   int
	perCall float64
}

// maxSamples of a contender are written: enough for benchstat, and a file that people can read.
const maxSamples = 10

func newSampleWriter(out io.Writer) (*sampleWriter, error) {
	_, err := fmt.Fprintf(out, "goos: %s\ngoarch: %s\npkg: jobdb/bench\ncpu: %s\n",
		runtime.GOOS, runtime.GOARCH, lineOf("/proc/cpuinfo", "model name"))
	return &sampleWriter{out}, err
}

// write writes a line for each sample of a benchmark, whose name benchmarkName made.
func (w *sampleWriter) write(benchmark string, samples []sample) error {
	if w == nil {
		return nil
	}
	var b strings.Builder
	for _, s := range samples {
		fmt.Fprintf(&b, "%s\t%d\t%.0f ns/op\n", benchmark, s.calls, s.perCall)
	}
	_, err := io.WriteString(w.out, b.String())
	return err
}

// benchmarkName is a name as Go's benchmarks have it, with keys by which benchstat sorts and
// filters: BenchmarkSearch_JobID/engine=sqlite/jobs=10000/contender=ours-2.
func benchmarkName(method, engine string, jobs int, key string, value int, contender string) string {
	words := strings.FieldsFunc(method, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	name := strings.Join(words, "_")
	name = fmt.Sprintf("Benchmark%s%s/engine=%s/jobs=%d", strings.ToUpper(name[:1]), name[1:], engine, jobs)
	if value > 0 {
		name += fmt.Sprintf("/%s=%d", key, value)
	}
	name += "/contender=" + contender
	if n := runtime.GOMAXPROCS(0); n > 1 {
		name += fmt.Sprintf("-%d", n)
	}
	return name
}

func (r result) benchmark(contender string) string {
	return benchmarkName(r.Method, r.Engine, r.Jobs, "size", r.Size, contender)
}

// batches makes samples of the times of single calls, in their order: the median of each of
// maxSamples batches.
func batches(took []time.Duration) []sample {
	var samples []sample
	n := min(len(took), maxSamples)
	for i := range n {
		batch := took[i*len(took)/n : (i+1)*len(took)/n]
		samples = append(samples, sample{len(batch), float64(median(batch))})
	}
	return samples
}

// rateSample is a sample of calls that ran at once: the time of each is that of all, divided by
// their number.
func rateSample(calls int64, took time.Duration) sample {
	return sample{int(calls), float64(took) / float64(calls)}
}
