package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/itchyny/gojq"
)

// jqOutput prints what a jq expression makes of the rows: of the list of all, or of each.
type jqOutput struct {
	w    io.WriteCloser
	code *gojq.Code
	each bool
	list []any
}

func newJQOutput(w io.WriteCloser, expression string, each bool) (output, error) {
	query, err := gojq.Parse(expression)
	var code *gojq.Code
	if err == nil {
		code, err = gojq.Compile(query)
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("--jq: %w", err)}
	}
	return &jqOutput{w: w, code: code, each: each}, nil
}

func (o *jqOutput) rows(rows []row) error {
	for _, r := range rows {
		var value any
		decoder := json.NewDecoder(bytes.NewReader(r))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err != nil {
			return fmt.Errorf("the server's answer can't be read: %w", err)
		}
		if !o.each {
			o.list = append(o.list, value)
			continue
		}
		if err := o.print(value); err != nil {
			return err
		}
	}
	return nil
}

// print prints the results of one input: texts as they are, all else as JSON.
func (o *jqOutput) print(input any) error {
	for results := o.code.Run(input); ; {
		result, ok := results.Next()
		if !ok {
			return nil
		}
		if err, failed := result.(error); failed {
			if halt := (*gojq.HaltError)(nil); errors.As(err, &halt) && halt.Value() == nil {
				return nil
			}
			return fmt.Errorf("--jq: %w", err)
		}
		line, isText := result.(string)
		if !isText {
			encoded, err := gojq.Marshal(result)
			if err != nil {
				return fmt.Errorf("--jq: %w", err)
			}
			line = string(encoded)
		}
		if _, err := io.WriteString(o.w, line+"\n"); err != nil {
			return err
		}
	}
}

func (*jqOutput) printed() {}

func (o *jqOutput) close(whole bool) (err error) {
	if whole && !o.each {
		err = o.print(append([]any{}, o.list...))
	}
	return errors.Join(err, o.w.Close())
}
