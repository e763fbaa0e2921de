package high

import "testing"

func TestHigh(t *testing.T) {
	if !High(101) || High(100) {
		t.Fail()
	}
}
