package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"jobdb"
)

//go:embed reference.py
var referenceProgram string

// referenceOrder is what reference.py reads.
type referenceOrder struct {
	URL    string        `json:"url"`
	Rounds int           `json:"rounds"`
	IDs    []jobdb.JobID `json:"ids"`
	JDL    string        `json:"jdl"`
}

// referenceURL is the database's in SQLAlchemy's form; the reference has no PostgreSQL.
func (w *world) referenceURL() string {
	switch w.engine {
	case "sqlite":
		return "sqlite+aiosqlite:///" + strings.TrimPrefix(w.url, "sqlite:")
	case "mariadb":
		return "mysql+aiomysql" + strings.TrimPrefix(w.url, "mysql")
	}
	return ""
}

// measureReference runs the reference on the same database, with the same
// rows and the indexes that we made, and adds its times to the results.
func (w *world) measureReference(ctx context.Context, s settings, results []result) error {
	order := referenceOrder{URL: w.referenceURL(), Rounds: 15, IDs: w.changed(min(1000, len(w.ids))), JDL: originalJDL}
	if order.URL == "" {
		return nil
	}
	last, err := queryInt(ctx, w.bare.reader, `SELECT max("JobID") FROM "JobJDLs"`)
	if err != nil {
		return err
	}
	input, err := json.Marshal(order)
	if err != nil {
		return err
	}
	log.Printf("%s: asking the reference", w.engine)
	python := exec.CommandContext(ctx, s.reference, "-c", referenceProgram)
	python.Stdin, python.Stderr = bytes.NewReader(input), os.Stderr
	output, err := python.Output()
	if err != nil {
		return fmt.Errorf("run the reference: %w", err)
	}
	medians := map[string]time.Duration{}
	if err := json.Unmarshal(output, &medians); err != nil {
		return fmt.Errorf("read what the reference printed: %w", err)
	}
	for i, r := range results {
		results[i].Reference = medians[r.Method+"/"+strconv.Itoa(r.Size)]
	}
	return w.exec(ctx, `DELETE FROM "JobJDLs" WHERE "JobID" > ?`, last) // what it created
}
