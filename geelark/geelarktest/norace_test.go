//go:build !race

package geelarktest_test

const race = false
