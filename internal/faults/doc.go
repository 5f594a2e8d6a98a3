// Package faults has no code but tests: they run the real server, as it is built for users, and do
// to it what happens in a grid's life and what nobody should do. Each holds what an operator needs
// to hold: memory, order, time, and that nothing is lost.
package faults
