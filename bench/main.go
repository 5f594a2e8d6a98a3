// Bench measures every method of the access layer beside the same work
// written by hand on the bare driver, in turns, and prints the comparison as
// Markdown, or with -write puts it into the tables of docs/benchmarks:
//
//	go run ./jobdbtest/withengines -durable -- go run ./bench [flags]
//
// With -gobench it also writes every sample in the format of Go's benchmarks,
// so that benchstat can compare two runs.
//
// MariaDB, MySQL and PostgreSQL are those of JOBDB_TEST_MARIADB, JOBDB_TEST_MYSQL
// and JOBDB_TEST_POSTGRES, on which it makes databases of its own and drops them
// afterwards. docs/benchmarks.md says what was found, and how to read the tables.
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

// settings are what the command line asks for.
type settings struct {
	engines   []string
	jobs      []int // in the database
	methods   *regexp.Regexp
	sizes     []int // of bulk calls, in jobs
	budget    time.Duration
	versions  map[string]string // of the engines that were opened
	write     string            // folder of the documents whose tables are replaced
	results   string            // file of results, one JSON object a line
	samples   *sampleWriter     // nil: samples aren't written
	reference string            // Python interpreter that has the reference
	dirac     string            // Python interpreter that has DIRAC's own database classes
	folder    string            // of SQLite's files
	profiles  string            // folder of profiles of our server
	keep      bool
	check     bool
	lacks     lacking

	// What is measured instead of the methods.
	plans, counts, growth, questions, routes, writers, bulk, indexes bool

	draw    int  // questions of a kind at most; 0: all
	explain bool // show the plans of questions that fall short

	processor bool // time is that of processors
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	render := flag.String("render", "", "measure nothing, print the tables of this `file` of results, with -dirac those beside DIRAC")
	gobench := flag.String("gobench", "", "add every sample to this `file`, in the format of Go's benchmarks, for benchstat")
	s, err := parseFlags()
	if err == nil && *render != "" {
		err = renderFile(os.Stdout, *render, s)
	} else if err == nil {
		err = measure(s, *gobench)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// measure measures what the settings ask for, until it is interrupted. Samples go to the named
// file, if it has a name.
func measure(s settings, gobench string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if gobench != "" {
		file, err := os.OpenFile(gobench, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		if s.samples, err = newSampleWriter(file); err != nil {
			return err
		}
	}
	switch {
	case s.dirac != "":
		return runDIRAC(ctx, s)
	case s.growth:
		return runGrowth(ctx, s)
	case s.questions:
		return runQuestions(ctx, s)
	case s.bulk:
		return runBulk(ctx, s)
	case s.writers:
		return runWriters(ctx, s)
	case s.counts:
		return runCounts(ctx, s)
	case s.routes:
		return runRoutes(ctx, s)
	}
	return runMethods(ctx, s)
}

func parseFlags() (settings, error) {
	engines := flag.String("engine", "sqlite,mariadb,mysql,postgres", "`engines` to measure, separated by commas")
	jobs := flag.String("jobs", "10000,1000000", "`numbers` of jobs in the database, separated by commas; -routes, -writers and -bulk take the first")
	sizes := flag.String("sizes", "1,100,1000,5000", "`numbers` of jobs in one call of a bulk method; above 1000, at most a tenth of the jobs")
	methods := flag.String("method", ".", "measure only what matches this regular `expression`")
	s := settings{versions: map[string]string{}}
	flag.DurationVar(&s.budget, "time", time.Second, "time for one comparison")
	flag.StringVar(&s.results, "results", "", "add the results to this `file`, for -render")
	flag.StringVar(&s.write, "write", "", "put the tables into the documents in this `folder` (docs/benchmarks), instead of printing them")
	flag.StringVar(&s.reference, "reference", "", "measure the reference (DiracX) too, on SQLite and MariaDB, with this `Python` interpreter")
	flag.StringVar(&s.dirac, "dirac", "", "measure beside DIRAC's own database classes, on databases as DIRAC ships them, with this `Python` interpreter")
	flag.BoolVar(&s.indexes, "indexes", false, "with -dirac: measure what the indexes that schema check names would do for our methods, instead")
	flag.StringVar(&s.folder, "folder", os.TempDir(), "`folder` of SQLite's files; it must be on a real disk")
	flag.StringVar(&s.profiles, "profiles", "", "with -routes: write profiles of our server for each route to this `folder`")
	flag.BoolVar(&s.keep, "keep", false, "keep the databases, and use those that an earlier run kept")
	flag.BoolVar(&s.check, "check", false, "fail when a method is slower than its floor by more than noise")
	flag.BoolVar(&s.plans, "plans", false, "print the engines' plans of searches and summaries instead of measuring")
	flag.BoolVar(&s.counts, "counts", false, "measure what writes cost with and without the triggers that count jobs")
	flag.BoolVar(&s.growth, "growth", false, "measure what must not grow with the number of jobs: first pages, pages by cursor, summaries")
	flag.BoolVar(&s.questions, "questions", false, "measure what a monitor asks of a grid's jobs: with the first number of jobs and with the last")
	flag.IntVar(&s.draw, "draw", 24, "with -questions: how `many` of each kind are asked, drawn by chance, always the same; 0: all")
	flag.BoolVar(&s.explain, "explain", false, "with -questions: print the engine's plans of those that fall short")
	flag.BoolVar(&s.processor, "processor", false, "with -questions on SQLite: measure the time that processors work, where others keep them busy, too")
	flag.BoolVar(&s.bulk, "bulk", false, "measure what a client does to many jobs at once: kills, submissions, all rows into a file")
	flag.BoolVar(&s.routes, "routes", false, "measure the service's routes, over 16 connections, beside those of the reference's service")
	flag.BoolVar(&s.writers, "writers", false, "measure 16 writers of small transactions on SQLite: shared commits beside a commit for each")
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

// runMethods measures the methods on each engine with each number of jobs, and publishes their
// tables.
func runMethods(ctx context.Context, s settings) error {
	var results []result
	for _, jobs := range s.jobs {
		for _, engine := range s.engines {
			found, err := methodsOn(ctx, s, engine, jobs)
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

// methodsOn measures the methods on one database, or prints the engine's plans.
func methodsOn(ctx context.Context, s settings, engine string, jobs int) (results []result, err error) {
	d, err := openDatabase(ctx, s, engine, jobs)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close(s.keep)) }()
	if s.plans {
		return nil, d.printPlans(ctx, os.Stdout, s.methods)
	}
	if err := d.startReference(ctx, s.reference); err != nil {
		return nil, err
	}
	results, err = d.measureAll(ctx, s)
	return results, errors.Join(err, d.stopReference())
}

const logInterval = 5 * time.Second

// paced returns a way to log how far long work is. It drops what comes within logInterval of its
// beginning or of the line before.
func paced() func(format string, args ...any) {
	last := time.Now()
	return func(format string, args ...any) {
		if time.Since(last) >= logInterval {
			last = time.Now()
			log.Printf(format, args...)
		}
	}
}
