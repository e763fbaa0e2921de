package geelarktest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestTheTransportWorksInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := geelarktest.New(geelarktest.Config{Phones: 250, Seed: 1, Token: token})
		client := http.Client{Transport: s.RoundTripper(), Timeout: 10 * time.Second}

		s.Inject(geelarktest.Fault{Times: 1, Latency: 9 * time.Second})
		begin := time.Now()
		resp, err := client.Do(request(t, "phone/list", "{}"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		equal(t, "waited", time.Since(begin), 9*time.Second)

		for _, fault := range []geelarktest.Fault{{Times: 1, Latency: 11 * time.Second}, {Times: 1, Hang: true}} {
			s.Inject(fault)
			begin = time.Now()
			resp, err := client.Do(request(t, "phone/list", "{}"))
			if err == nil {
				_ = resp.Body.Close()
				t.Fatal("no timeout")
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			equal(t, "waited", time.Since(begin), 10*time.Second)
		}

		before := statuses(t, s)
		time.Sleep(time.Minute)
		if encode(t, before) == encode(t, statuses(t, s)) {
			t.Error("nothing changed in a minute")
		}
	})
}

func TestTheTransportRefusesAnEndedContext(t *testing.T) {
	s, _ := still(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	body := &closeRecorder{Reader: strings.NewReader("{}")}
	r := request(t, "phone/list", "").WithContext(ctx)
	r.Body = body
	resp, err := s.RoundTripper().RoundTrip(r)
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	equal(t, "body closed", body.closed, true)
	equal(t, "requests", s.Requests(""), 0)
}

type closeRecorder struct {
	*strings.Reader
	closed bool
}

func (c *closeRecorder) Close() error { c.closed = true; return nil }

func TestAHandlerWithoutConnectionAborts(t *testing.T) {
	s, _ := still(1)
	s.Inject(geelarktest.Fault{Drop: true})
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("panicked with %v", err)
		}
	}()
	s.ServeHTTP(httptest.NewRecorder(), request(t, "phone/list", "{}"))
}

func TestConcurrentUse(t *testing.T) {
	c := newClock()
	s := geelarktest.New(geelarktest.Config{
		Phones: 200, Now: c.Now, Token: token, TasksPerDay: 10, Usage: geelarktest.Usage{Every: time.Minute},
		Limits: map[string]geelarktest.Limits{"phone/list": {PerMinute: -1}, "phone/status": {PerMinute: -1}},
	})
	server := httptest.NewServer(s)
	defer server.Close()
	all := s.IDs()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 20 {
				id := all[(i*20+j)%len(all)]
				call(t, s, "phone/list", `{"pageSize":100}`)
				perform(t.Context(), t, server.Client().Transport, server.URL, "phone/status", encode(t, ids(id)))
				c.Advance(time.Second)
				switch j % 6 {
				case 5:
					s.SetTeam("phone/stop", geelarktest.Team{Burst: 2, Every: time.Hour})
					s.SetListing("task/historyRecords", geelarktest.Listing{Order: geelarktest.ByID, Drift: true})
					s.SetTrouble(geelarktest.Trouble{Proxies: j%2 == 0})
					s.Shuffle()
					s.Ledger()
					s.TaskEnds()
					s.Tasks()
				case 0:
					s.SetStatus(id, j%4)
				case 1:
					s.Remove(s.Add(2)[0])
				case 2:
					s.Move(id, j)
				case 3:
					s.Rename(id, "renamed")
				case 4:
					s.Inject(geelarktest.Fault{Times: 1, Latency: 1})()
				}
				s.Phone(id)
				s.Secrets()
				s.SetBilling(s.Billing())
				s.SetCredentials(token, "", "")
				s.MostIn("", time.Minute)
			}
		})
	}
	group.Wait()
	equal(t, "requests", s.Requests(""), 320)
	equal(t, "breaches", len(s.Broken()), 0)
	equal(t, "phones", len(s.IDs()), 200+8*4)
	equal(t, "answers", s.Answered("", geelark.CodeOK), 320)
}
