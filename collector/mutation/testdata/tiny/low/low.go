// Package low has faults that its tests notice and others that they do not.
package low

import "errors"

const most = 10

// ErrFull is returned when there is no room.
var ErrFull = errors.New("full")

// Room returns how many more there can be.
func Room(n int) (int, error) {
	if n >= most {
		return 0, ErrFull
	}
	return most - n, nil
}

// Steps counts to n.
func Steps(n int) (steps int) {
	for i := 0; i < n; i++ {
		steps++
	}
	return steps
}

// Both reports whether a and b hold.
func Both(a, b bool) bool { return a && b }

// Larger returns the larger of two numbers.
func Larger(a, b int) int {
	if a > b {
		return a
	}
	return b
}

// First returns the first number that is not negative.
func First(all []int) int {
	for _, n := range all {
		switch {
		case n < 0:
			continue
		}
		return n
	}
	return -1
}

// Forgotten is called by nobody.
func Forgotten(n int) int { return n * 2 }

// High is reached by the tests of package high only.
func High(n int) bool { return n > 100 }
