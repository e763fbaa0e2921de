//go:build race

package geelarktest_test

// race makes large fleets smaller: the race detector takes ten times as long.
const race = true
