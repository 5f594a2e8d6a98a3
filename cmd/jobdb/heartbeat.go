package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"

	"jobdb"
	"jobdb/choose"
)

type heartbeatCommand struct {
	clientSettings
	outputFlags

	StandardOutput string      `help:"File with the last lines that the job printed." placeholder:"FILE" type:"existingfile"`
	Job            jobdb.JobID `arg:"" help:"ID of the job."`
	Values         []string    `arg:"" optional:"" help:"NAME=NUMBER: CPUConsumed and WallClockTime in seconds, MemoryUsed and Vsize in kB, AvailableDiskSpace in MB, LoadAverage."`
}

// Help is printed by jobdb heartbeat --help.
func (*heartbeatCommand) Help() string {
	return `Sends a heartbeat as a running job does, and prints the commands that wait for the job; for scripts and tests.

Examples:

  jobdb heartbeat 12
  jobdb heartbeat 12 CPUConsumed=120.5 WallClockTime=130 LoadAverage=1.2
  jobdb heartbeat 12 --standard-output std.out -o json` + whoHelp
}

// Run sends the heartbeat.
func (c *heartbeatCommand) Run(ctx context.Context, p *program) error {
	beat, err := c.beat()
	if err != nil {
		return err
	}
	server, err := c.client(ctx, p)
	if err != nil {
		return err
	}
	if err := server.actForJob(ctx, c.Job); err != nil {
		return err
	}
	body := map[string]any{strconv.FormatInt(int64(c.Job), 10): beat}
	a, err := server.ask(ctx, http.MethodPatch, "/api/jobs/heartbeat", body)
	if err != nil {
		return err
	}
	if a.header.Get("Jobdb-Missing-Jobs") != "" {
		return fmt.Errorf("there is no job %d", c.Job)
	}
	rows, err := decodeRows(a.body)
	if err != nil || len(rows) == 0 && c.Output == "table" {
		return err
	}
	columns := []string{"job_id", "command", "arguments"}
	out, err := c.open(p, columns)
	if err != nil {
		return err
	}
	return finish(out, out.rows(rows))
}

// actForJob lets the client act for the VO of a job; through a server there is nothing to do.
func (c *client) actForJob(ctx context.Context, id jobdb.JobID) error {
	if c.mint == nil {
		return nil
	}
	found, err := c.findTargets(ctx, c.program, choose.Choice{IDs: []choose.IDs{{First: id, Last: id}}})
	if err != nil || len(found.jobs) == 0 {
		return err
	}
	return c.actFor(found.jobs[0].VO)
}

// beat is the body of a job's heartbeat.
func (c *heartbeatCommand) beat() (map[string]any, error) {
	beat := map[string]any{}
	for _, text := range c.Values {
		name, value, _ := strings.Cut(text, "=")
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, usageError{fmt.Errorf("%s: write NAME=NUMBER, such as CPUConsumed=120.5", text)}
		}
		known := ""
		for _, field := range jobdb.HeartbeatFields {
			if strings.EqualFold(field, name) {
				known = field
			}
		}
		if known == "" {
			return nil, usageError{fmt.Errorf("%s: heartbeats have %s", text, strings.Join(jobdb.HeartbeatFields, ", "))}
		}
		beat[known] = number
	}
	if c.StandardOutput != "" {
		text, err := os.ReadFile(c.StandardOutput)
		if err != nil {
			return nil, err
		}
		beat["StandardOutput"] = string(text)
	}
	return beat, nil
}
