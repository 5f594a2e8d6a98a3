package service_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"testing"
)

// TestDifferentialService plays the same requests on both services. JOBDB_SEED chooses other random
// ones, JOBDB_ROUNDS how many rounds of them; each begins with empty databases.
func TestDifferentialService(t *testing.T) {
	seed, rounds := environment(t, "JOBDB_SEED", 20240229), environment(t, "JOBDB_ROUNDS", 1)
	t.Logf("JOBDB_SEED=%d JOBDB_ROUNDS=%d", seed, rounds)
	for i := range rounds {
		t.Run(fmt.Sprint("round ", i+1), func(t *testing.T) {
			p := startPair(t)
			t.Run("queries", func(t *testing.T) { testQueries(p.round(t, seed, i)) }) // first: some see all jobs
			t.Run("changes", func(t *testing.T) { testChanges(p.round(t, seed, i)) })
			t.Run("spoiled", func(t *testing.T) { testSpoiled(p.round(t, seed, i)) })
			t.Logf("%d requests; %d answers were different on purpose: %v", p.asked, p.excused, p.met)
			if p.excused*8 > p.asked {
				t.Errorf("%d of %d answers were different on purpose: too little is compared", p.excused, p.asked)
			}
		})
	}
}

// TestServiceJobs submits one job description of each kind.
func TestServiceJobs(t *testing.T) {
	testJobs(startPair(t).round(t, 1, 1))
}

func environment(t *testing.T, name string, standard int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number above 0", name, text)
	}
	return n
}

func (p *pair) round(t *testing.T, seed, number int) *round {
	t.Helper()
	g := &generator{Rand: rand.New(rand.NewPCG(uint64(seed), uint64(number))), sent: p.sent}
	return &round{T: t, generator: g, pair: p, group: path.Base(t.Name())}
}

// testJobs submits one job description of each kind.
func testJobs(r *round) {
	for _, jdl := range oddJDLs {
		r.submit("alice", jdl)
	}
	for range 30 {
		r.submit(choose(r.generator, "alice", "bob", "all"), r.jdl())
	}
	for _, n := range []int{0, 1, 2, 20, 21} {
		r.submit("alice", slices.Repeat([]any{`Executable = "x"; JobName = "job %j";`}, n)...)
	}
	r.submit("alice", `Executable = "x";`, `Executable = ;`)
	r.submit("alice", `Executable = "x";`, `Executable = "x"; Parameters = {"a"};`)
}

func TestServiceProtocol(t *testing.T) { testProtocol(startPair(t).round(t, 1, 2)) }

// TestServiceDifferences shows every difference that is on purpose.
func TestServiceDifferences(t *testing.T) {
	p := startPair(t)
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		t.Run(string(name), func(t *testing.T) { shown[name](p.round(t, 1, 0)) })
	}
}
