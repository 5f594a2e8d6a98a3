// Bench measures every method of the access layer beside the same work
// written by hand on the bare driver, in turns, and prints the comparison as
// Markdown, or with -write puts it into a document:
//
//	go run ./jobdbtest/withengines -durable -- go run ./bench [flags]
//
// MariaDB and PostgreSQL are those of JOBDB_TEST_MARIADB and
// JOBDB_TEST_POSTGRES, in which it makes databases of its own and drops them
// afterwards. docs/benchmarks.md is a run of it, and says how to read it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// settings are the command line's.
type settings struct {
	engines   []string
	jobs      []int
	methods   *regexp.Regexp
	sizes     []int // of bulk calls
	budget    time.Duration
	versions  map[string]string // of the engines that were opened
	write     string            // document whose tables are replaced
	results   string            // file of results, one JSON object a line
	reference string            // Python that has the reference
	folder    string            // of SQLite's files
	keep      bool
	plans     bool
	flat      bool
	routes    bool
	writers   bool
	profiles  string // folder of profiles of our server
	check     bool
	counts    bool
	uncounted bool // without the triggers that count jobs
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	logBesideProgress()
	render := flag.String("render", "", "measure nothing, print the tables of this file of results")
	s, err := parseFlags()
	if err == nil && *render != "" {
		err = renderFile(os.Stdout, *render)
	} else if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		switch {
		case s.flat:
			err = runFlat(ctx, s)
		case s.writers:
			err = runWriters(ctx, s)
		case s.counts:
			err = runCounts(ctx, s)
		case s.routes:
			err = runRoutes(ctx, s)
		default:
			err = run(ctx, s)
		}
	}
	if err != nil {
		log.Fatal(err)
	}
}

func parseFlags() (settings, error) {
	engines := flag.String("engine", "sqlite,mariadb,postgres", "engines, separated by commas")
	jobs := flag.String("jobs", "10000,1000000", "numbers of jobs in the database")
	sizes := flag.String("sizes", "1,100,1000,5000", "jobs in one call of a bulk method; those above a tenth of the database are left out, but for 1000")
	methods := flag.String("method", ".", "regular expression of the methods to measure")
	s := settings{versions: map[string]string{}}
	flag.DurationVar(&s.budget, "time", time.Second, "time for one comparison")
	flag.StringVar(&s.results, "results", "", "add the results to this file, for -render")
	flag.StringVar(&s.write, "write", "", "put the tables between the markers of this document (docs/benchmarks.md) instead of printing them")
	flag.StringVar(&s.reference, "reference", "", "Python interpreter that has the reference (DiracX): measure it too, on SQLite and MariaDB")
	flag.StringVar(&s.folder, "folder", os.TempDir(), "folder of SQLite's files; it must be on a real disk")
	flag.BoolVar(&s.keep, "keep", false, "keep the databases, and use those that were kept")
	flag.BoolVar(&s.plans, "plans", false, "print the engines' plans of searches and summaries instead of measuring")
	flag.BoolVar(&s.check, "check", false, "fail when a method is slower than its floor by more than noise")
	flag.BoolVar(&s.counts, "counts", false, "measure what writes cost with and without the triggers that count jobs")
	flag.BoolVar(&s.flat, "flat", false, "measure what must not grow with the jobs: pages, cursors, summaries")
	flag.BoolVar(&s.routes, "routes", false, "measure the service's routes beside those of the reference's, 16 connections")
	flag.BoolVar(&s.writers, "writers", false, "measure 16 writers of small transactions on SQLite: our group commit beside a commit for each")
	flag.StringVar(&s.profiles, "profiles", "", "with -routes: write profiles of our server to this folder, CPU and allocations for each route")
	flag.Parse()
	var err error
	if s.methods, err = regexp.Compile(*methods); err != nil {
		return s, fmt.Errorf("-method: %w", err)
	}
	if s.write != "" && *methods != "." {
		return s, errors.New("-write replaces whole tables: leave out -method")
	}
	s.engines = strings.Split(*engines, ",")
	if s.jobs, err = integers(*jobs); err != nil {
		return s, fmt.Errorf("-jobs: %w", err)
	}
	if s.sizes, err = integers(*sizes); err != nil {
		return s, fmt.Errorf("-sizes: %w", err)
	}
	return s, nil
}

func integers(list string) ([]int, error) {
	var numbers []int
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return nil, errors.New("wants positive numbers separated by commas, not " + strconv.Quote(word))
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

// run measures all that was asked for and prints the tables.
func run(ctx context.Context, s settings) error {
	var results []result
	for _, jobs := range s.jobs {
		for _, engine := range s.engines {
			found, err := runOne(ctx, s, engine, jobs)
			results = append(results, found...)
			if err != nil {
				return errors.Join(fmt.Errorf("%s with %d jobs: %w", engine, jobs, err), saveResults(s.results, results))
			}
		}
	}
	if s.plans {
		return nil
	}
	return errors.Join(saveResults(s.results, results), publishMethods(s, results))
}

func runOne(ctx context.Context, s settings, engine string, jobs int) ([]result, error) {
	w, err := openWorld(ctx, s, engine, jobs)
	if err != nil {
		return nil, err
	}
	var results []result
	switch {
	case s.plans:
		err = w.printPlans(ctx, os.Stdout, s.methods)
	default:
		if err = w.startReference(ctx, s.reference); err == nil {
			results, err = w.measureAll(ctx, s)
			err = errors.Join(err, w.stopReference())
		}
	}
	return results, errors.Join(err, w.close(s.keep))
}
