//go:build !race

package collector

const race = false
