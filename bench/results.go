package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// saveResults adds results to a file, if it has a name.
func saveResults(path string, results []result) error {
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(file)
	for _, r := range results {
		if err := encoder.Encode(r); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	return file.Close()
}

// renderFile prints the tables of saved results; of what was measured more
// than once the last counts.
func renderFile(out io.Writer, path string, s settings) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	latest := map[key]int{}
	var results []result
	decoder := json.NewDecoder(bufio.NewReader(file))
	for {
		var r result
		err := decoder.Decode(&r)
		if errors.Is(err, io.EOF) && s.dirac != "" {
			_, err = io.WriteString(out, diracTable(results))
			return err
		}
		if errors.Is(err, io.EOF) {
			return render(out, results)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		if i, known := latest[r.key()]; known {
			results[i] = r
			continue
		}
		latest[r.key()] = len(results)
		results = append(results, r)
	}
}

// key says what was measured.
type key struct {
	engine string
	jobs   int
	method string
	size   int
}

func (r result) key() key { return key{r.Engine, r.Jobs, r.Method, r.Size} }
