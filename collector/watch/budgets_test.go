package watch

import (
	"fmt"
	"testing"
	"time"
)

func TestBudgetsAreForgottenWhenNothingWouldBeMissed(t *testing.T) {
	inBubbleWith(t, 5, nil, nil, func(b *bench) {
		named := func(i int) AccountConfig {
			c := testConfig()
			c.Name = fmt.Sprint("name-", i)
			return c
		}
		for i := range 100 {
			if err := b.Reload([]AccountConfig{named(i)}); err != nil {
				t.Fatal(err)
			}
			b.poll()
		}
		if err := b.Reload(nil); err != nil {
			t.Fatal(err)
		}
		if got := len(b.budgets.known); got != 1 {
			t.Errorf("there are budgets of %d credentials, want 1", got)
		}
		time.Sleep(time.Hour + time.Second)
		if err := b.Reload(nil); err != nil {
			t.Fatal(err)
		}
		if got := len(b.budgets.known); got != 0 {
			t.Errorf("there are budgets of %d credentials, want none", got)
		}
	})
}
