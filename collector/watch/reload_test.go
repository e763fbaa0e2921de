package watch

import (
	"context"
	"sync"
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// A scrape can begin while the account that it has found is being closed.
func TestScrapesGoOnBesideReloads(t *testing.T) {
	t.Parallel()
	sim := geelarktest.New(geelarktest.Config{Phones: 150, Seed: 1, Token: testToken, Still: true})
	cfg := testConfig()
	cfg.CacheTTL, cfg.Limits = 0, geelark.VendorLimits()
	b := newBench(t, sim.RoundTripper(), nil, cfg)
	defer b.Close()
	done, scraped := make(chan struct{}), make(chan struct{})
	var scrapers sync.WaitGroup
	for range 4 {
		scrapers.Go(func() {
			for {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				for _, a := range b.Fleet().Accounts {
					a.Refresh(ctx, b.Collectors())
					a.Snapshot()
				}
				b.Overview()
				cancel()
				select {
				case <-done:
					return
				case scraped <- struct{}{}:
				default:
				}
			}
		})
	}
	for i := range 60 {
		<-scraped
		cfg.MaxStaleness += time.Second
		cfg.IDs = nil
		if i%3 == 0 {
			cfg.IDs = sim.IDs()[:50]
		}
		if err := b.Reload([]AccountConfig{cfg}); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	scrapers.Wait()
}
