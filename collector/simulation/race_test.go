//go:build race

package simulation

// race makes fewer cells: the race detector takes ten times as long.
const race = true
