package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"
)

// Every method must reach floorRatio of the bare driver's rate. On a busy machine a single
// measurement may miss that: below floorRatio × noise it is repeated, up to checkTries times in
// all.
const (
	floorRatio = 0.8
	noise      = 0.85
	checkTries = 6
)

// floors are those of methods that have a reason to be slower than SQL written by hand.
var floors = map[[2]string]float64{
	{"postgres", "ExpireJobCommands"}: 0.6, // locks the rows in the order of their jobs: without that callers deadlock
}

func floorOf(r result) float64 {
	if floor, known := floors[[2]string{r.Engine, r.Method}]; known {
		return floor
	}
	return floorRatio
}

// checkFloor measures again what is below its floor, longer each time. The error is errFloor if it
// stays there.
func checkFloor(
	ctx context.Context, r result, budget time.Duration, measure func(context.Context, time.Duration) (result, error),
) (result, error) {
	minimum := floorOf(r) * noise
	for try := 1; r.Ratio < minimum && try < checkTries; try++ {
		log.Printf("%s: %s of %d has %.2f of the bare driver's rate, less than %.2f; again", r.Engine, r.Method, r.Size, r.Ratio, minimum)
		budget *= 2
		measured, err := measure(ctx, budget)
		if err != nil {
			return r, err
		}
		measured.Engine, measured.Method, measured.Reference = r.Engine, r.Method, r.Reference
		r = measured
	}
	if r.Ratio < minimum {
		return r, fmt.Errorf("%w: %s, %s of %d: %.2f of the bare driver's rate, must be %.2f",
			errFloor, r.Engine, r.Method, r.Size, r.Ratio, floorOf(r))
	}
	return r, nil
}

var errFloor = errors.New("too slow")
