package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"
)

// Every method must reach this part of the bare driver's rate. What single
// measurements on a busy machine miss it by is not counted; checkTries that miss it all the same are.
const (
	floorRatio = 0.8
	noise      = 0.85
	checkTries = 6
)

// floors are those of methods that have a reason to be slower than what is written by hand.
var floors = map[[2]string]float64{
	{"postgres", "ExpireJobCommands"}: 0.6, // locks the rows in the order of their jobs: without that callers deadlock
}

func floorOf(r result) float64 {
	if floor, known := floors[[2]string{r.Engine, r.Method}]; known {
		return floor
	}
	return floorRatio
}

// hold measures again what is below its floor, longer each time. The error tells what stayed there.
func hold(ctx context.Context, r result, budget time.Duration, again func(context.Context, time.Duration) (result, error)) (result, error) {
	least := floorOf(r) * noise
	for try := 1; r.Ratio < least && try < checkTries; try++ {
		log.Printf("%s: %s of %d has %.2f of the bare driver's rate, less than %.2f; again", r.Engine, r.Method, r.Size, r.Ratio, least)
		budget *= 2
		measured, err := again(ctx, budget)
		if err != nil {
			return r, err
		}
		measured.Engine, measured.Method, measured.Reference = r.Engine, r.Method, r.Reference
		r = measured
	}
	if r.Ratio < least {
		return r, fmt.Errorf("%w: %s, %s of %d: %.2f of the bare driver's rate, must be %.2f", errFloor, r.Engine, r.Method, r.Size, r.Ratio, floorOf(r))
	}
	return r, nil
}

var errFloor = errors.New("too slow")
