package watch

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"geelark_exporter/geelark"
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

// One of two accounts is scraped alone, as a probe does, before the other has asked
// for anything.
func TestTheLowestLimitOfATokenHoldsFromTheFirstRequestOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	writeFile(t, file, testToken)
	for name, source := range map[string]geelark.CredentialSource{"in the configuration": geelark.Credentials{Token: testToken}, "in a file": geelark.TokenFile(file)} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 5, nil, func(b *bench) {
				var cfgs []AccountConfig
				for i, perMinute := range []int{150, 20} {
					c := testConfig()
					c.Name, c.Limits.PerMinute, c.Credentials = fmt.Sprint("team-", i), perMinute, source
					for n := range 5000 {
						c.IDs = append(c.IDs, fmt.Sprint(1000+n))
					}
					cfgs = append(cfgs, c)
				}
				if err := b.Reload(cfgs); err != nil {
					t.Fatal(err)
				}
				for range 10 {
					ctx, cancel := context.WithTimeout(b.t.Context(), 5*time.Second)
					b.account().Refresh(ctx, b.Collectors())
					cancel()
					time.Sleep(5 * time.Second)
				}
				if got := b.sim.MostIn(status, time.Minute); got != 20 {
					t.Errorf("%d requests within a minute, want 20", got)
				}
			})
		})
	}
}
