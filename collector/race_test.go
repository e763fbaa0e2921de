//go:build race

package collector

// race makes large fleets smaller: the race detector takes ten times as long.
const race = true
