package phones

import "testing"

// Answers that tell the status of one phone each are the most that can be counted.
func BenchmarkAgesOfPhonesThatShareNoTime(b *testing.B) {
	const fleet = 100_000
	a := newTable().ages
	for i := range fleet {
		a.add(instant(i))
	}
	for first := instant(0); b.Loop(); first += fleet {
		for at := first; at < first+fleet; at++ {
			a.remove(at)
			a.add(at + fleet)
		}
		a.of(first + 2*fleet)
	}
}
