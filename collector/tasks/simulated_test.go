package tasks_test

import (
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/collector/tasks"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// TestTheTasksOfTheSimulatedAPIAreCountedOnce follows a fleet's tasks for some
// days with a gap, through the client, in the ways in which the API's list may
// come.
func TestTheTasksOfTheSimulatedAPIAreCountedOnce(t *testing.T) {
	for _, l := range []geelarktest.Listing{
		{Order: geelarktest.NewestFirst},
		{Order: geelarktest.OldestFirst, Twice: true},
		{Order: geelarktest.ByID, Late: 20 * time.Minute},
		{Order: geelarktest.Shuffled, Drift: true},
		{Order: geelarktest.NewestFirst, Late: 20 * time.Minute, Twice: true, Drift: true},
	} {
		t.Run(fmt.Sprintf("%+v", l), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := geelarktest.New(geelarktest.Config{Phones: 20, Seed: 5, Token: "t", TasksPerDay: 10})
				api.SetListing("task/historyRecords", l)
				client, err := geelark.New(geelark.Credentials{Token: "t"}, geelark.NewBudgets(geelark.VendorLimits(), time.Now),
					geelark.WithTransport(api.RoundTripper()))
				if err != nil {
					t.Fatal(err)
				}
				tracker := tasks.New(time.Now(), nil, nil)
				reader := tasks.NewReader(tracker, client, time.Now)
				follow := func(d time.Duration) {
					for end := time.Now().Add(d); time.Now().Before(end); {
						time.Sleep(5 * time.Minute)
						if err := reader.Turn(t.Context(), 20); err != nil {
							t.Log(err)
						}
					}
				}
				follow(24 * time.Hour)
				time.Sleep(12 * time.Hour)
				follow(24 * time.Hour)
				least := endings(api)
				follow(12 * time.Hour) // what is late comes in
				most := endings(api)
				for e, n := range tracker.Ends() {
					if n < least[e] || n > most[e] {
						t.Errorf("%+v: counted %d, want %d to %d", e, n, least[e], most[e])
					}
				}
				if len(least) < 10 || !maps.EqualFunc(least, tracker.Ends(), func(a, b int) bool { return a <= b }) {
					t.Errorf("got %v, want at least %v", tracker.Ends(), least)
				}
			})
		})
	}
}

func endings(api *geelarktest.Server) map[tasks.End]int {
	ends := map[tasks.End]int{}
	for e, n := range api.TaskEnds() {
		ends[tasks.End{Type: geelark.TaskType(e.Type), Status: geelark.TaskStatus(e.Status)}] += n
	}
	return ends
}
