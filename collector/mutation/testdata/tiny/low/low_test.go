package low

import "testing"

func TestRoom(t *testing.T) {
	if n, err := Room(3); n != 7 || err != nil {
		t.Error(n, err)
	}
	if n, err := Room(20); n != 0 || err != ErrFull {
		t.Error(n, err)
	}
}

func TestSteps(t *testing.T) {
	if n := Steps(5); n != 5 {
		t.Error(n)
	}
}

func TestBoth(t *testing.T) {
	if !Both(true, true) || Both(true, false) || Both(false, true) {
		t.Fail()
	}
}

func TestLarger(t *testing.T) {
	if Larger(1, 2) != 2 || Larger(2, 1) != 2 {
		t.Fail()
	}
}

func TestFirst(t *testing.T) {
	if n := First([]int{-3, 0, 4}); n != 0 {
		t.Error(n)
	}
}

func TestThatFails(t *testing.T) { t.Error("always") }
