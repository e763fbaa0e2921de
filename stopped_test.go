package main

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark"
)

func TestAProcessThatWasStoppedGoesOn(t *testing.T) {
	sim, url := simulate(t, 250)
	p := exporterOf(t, url, "--cache.ttl=1s")
	allKnown := func() bool {
		f := p.scrape()
		return f.value("geelark_up") == 1 && f.sum("geelark_phones_unobserved") == 0
	}
	// A process that does not know what was spent before begins slowly.
	processtest.Eventually(t, "all phones have a status", allKnown)
	p.Signal(syscall.SIGSTOP)
	client := &http.Client{Timeout: 2 * time.Second} // while it stands still, with a scrape waiting
	if _, err := get(client, p.url("/metrics")); err == nil {
		t.Error("a stopped process has answered")
	}
	p.Signal(syscall.SIGCONT)
	processtest.Eventually(t, "all phones have a status again", allKnown)
	if n := sim.MostIn(string(geelark.EndpointPhoneStatus), time.Minute); n > 150 || len(sim.Broken()) > 0 {
		t.Errorf("%d requests within a minute, limits broken: %v", n, sim.Broken())
	}
}
