package geelarktest_test

import (
	"encoding/json"
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestPowerParameters(t *testing.T) {
	s, _ := still(1)
	id := s.IDs()[0]
	for _, tt := range []struct {
		name, endpoint string
		body           params
		want           geelark.Code
	}{
		{"start needs ids", "phone/start", params{}, geelark.CodeParameter},
		{"stop needs ids", "phone/stop", params{}, geelark.CodeParameter},
		{"start takes 200 ids", "phone/start", ids(repeat(id, 200)...), geelark.CodeOK},
		{"start takes no more", "phone/start", ids(repeat(id, 201)...), geelark.CodeParameter},
		{"stop takes 200 ids", "phone/stop", ids(repeat(id, 200)...), geelark.CodeOK},
		{"stop takes no more", "phone/stop", ids(repeat(id, 201)...), geelark.CodeParameter},
		{"width has a least", "phone/start", params{"ids": []string{id}, "width": 199}, geelark.CodeParameter},
		{"width has a most", "phone/start", params{"ids": []string{id}, "width": 601}, geelark.CodeParameter},
		{"center is 0 or 1", "phone/start", params{"ids": []string{id}, "center": 2}, geelark.CodeParameter},
		{"energySavingMode is 0 or 1", "phone/start", params{"ids": []string{id}, "energySavingMode": -1}, geelark.CodeParameter},
		{
			"all may be given", "phone/start",
			params{"ids": []string{id}, "width": 336, "center": 1, "energySavingMode": 0, "materialTagIds": []string{"1"}},
			geelark.CodeOK,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			equal(t, "code", call(t, s, tt.endpoint, encode(t, tt.body)).Code, tt.want)
		})
	}
}

func TestStart(t *testing.T) {
	s, c := still(5)
	all := s.IDs()
	for i, code := range []int{0, 1, 2, 3} {
		s.SetStatus(all[i], code)
	}
	s.Remove(all[4])
	s.Edit(all[0], func(p *geelarktest.Phone) { p.ChargeMode = 0 })
	s.Edit(all[1], func(p *geelarktest.Phone) { p.ChargeMode = 1 })

	b := get[batch](t, s, "phone/start", ids(all...))
	equal(t, "amounts", []int{b.TotalAmount, b.SuccessAmount, b.FailAmount}, []int{5, 3, 2})
	equal(t, "charging methods", []string{b.SuccessDetails[0].ChargingMethod, b.SuccessDetails[1].ChargingMethod},
		[]string{"Parallels", "Monthly rental"})
	for i, d := range b.SuccessDetails {
		equal(t, "id", d.ID, all[i])
		if d.URL == "" {
			t.Error("no url")
		}
	}
	equal(t, "expired", []any{b.FailDetails[0].ID, b.FailDetails[0].Code}, []any{all[3], geelark.CodePhoneExpired})
	equal(t, "gone", []any{b.FailDetails[1].ID, b.FailDetails[1].Code}, []any{all[4], geelark.CodePhoneNotFound})

	for i, want := range []int{0, 1, 1, 3} {
		equal(t, "status", status(t, s, all[i]), want)
	}
	c.Advance(4 * time.Second)
	equal(t, "status after 4 s", status(t, s, all[2]), 1)
	c.Advance(87 * time.Second)
	equal(t, "status after 91 s", status(t, s, all[2]), 0)
	equal(t, "a phone set to starting", status(t, s, all[1]), 1)
	c.Advance(1000 * time.Hour)
	equal(t, "status of a still fleet's phone", status(t, s, all[2]), 0)
}

func TestStop(t *testing.T) {
	s, c := still(5)
	all := s.IDs()
	for i, code := range []int{0, 2, 3} {
		s.SetStatus(all[i], code)
	}
	get[batch](t, s, "phone/start", ids(all[1]))
	s.SetStatus(all[3], 2)
	s.Remove(all[4])

	b := get[batch](t, s, "phone/stop", ids(all...))
	equal(t, "amounts", []int{b.TotalAmount, b.SuccessAmount, b.FailAmount}, []int{5, 4, 1})
	equal(t, "gone", b.FailDetails[0].Code, geelark.CodePhoneNotFound)
	for i, want := range []int{0, 1, 3, 2} {
		equal(t, "answered status", b.SuccessDetails[i].Status, want)
		equal(t, "status at once", status(t, s, all[i]), want)
	}
	c.Advance(2*time.Second - 1)
	for i, want := range []int{0, 1, 3, 2} {
		equal(t, "status within two seconds", status(t, s, all[i]), want)
	}
	get[batch](t, s, "phone/stop", ids(all[0])) // which must not begin the wait anew
	c.Advance(18*time.Second + 1)
	for i, want := range []int{2, 2, 3, 2} {
		equal(t, "status after 20 s", status(t, s, all[i]), want)
	}
	c.Advance(time.Hour)
	equal(t, "a phone stopped while starting", status(t, s, all[1]), 2)
}

func TestAPhoneThatShutsDownCannotBeStarted(t *testing.T) {
	s, c := still(1)
	id := s.IDs()[0]
	s.SetStatus(id, 0)
	get[batch](t, s, "phone/stop", ids(id))
	equal(t, "a start too early", get[batch](t, s, "phone/start", ids(id)).FailDetails[0].Code, geelark.Code(43020))
	c.Advance(20 * time.Second)
	equal(t, "status", status(t, s, id), 2)
	equal(t, "a start in time", get[batch](t, s, "phone/start", ids(id)).SuccessAmount, 1)
	equal(t, "status", status(t, s, id), 1)
}

func TestAPhoneThatRunsATaskIsNotStopped(t *testing.T) {
	s, c := still(50)
	p := pick(t, s, func(p geelarktest.Phone) bool { return p.RPAStatus == 1 })
	equal(t, "stop", get[batch](t, s, "phone/stop", ids(p.ID)).FailDetails[0].Code, geelark.CodePhoneBusy)
	c.Advance(time.Hour)
	equal(t, "status", status(t, s, p.ID), 0)
	s.Edit(p.ID, func(p *geelarktest.Phone) { p.RPAStatus = 0 })
	equal(t, "stop", get[batch](t, s, "phone/stop", ids(p.ID)).SuccessAmount, 1)
}

func TestTheChargingMethodFollowsTheParallels(t *testing.T) {
	s, c := still(6)
	all := s.IDs()
	for _, id := range all {
		s.SetStatus(id, 2)
		s.Edit(id, func(p *geelarktest.Phone) { p.ChargeMode = 0 })
	}
	s.Edit(all[5], func(p *geelarktest.Phone) { p.ChargeMode = 1 })
	b := s.Billing()
	b.Parallels = 2
	s.SetBilling(b)

	methods := func(ids ...string) []string {
		var methods []string
		for _, d := range get[batch](t, s, "phone/start", params{"ids": ids}).SuccessDetails {
			methods = append(methods, d.ChargingMethod)
		}
		return methods
	}
	equal(t, "as many as may and one more", methods(all[5], all[0], all[1], all[2]),
		[]string{"Monthly rental", "Parallels", "Parallels", "Per-minute usage"})
	equal(t, "of a phone that is on already", methods(all[0], all[2]), []string{"Parallels", "Per-minute usage"})
	c.Advance(time.Minute + 30*time.Second)
	get[batch](t, s, "phone/stop", ids(all[0]))
	equal(t, "while a phone shuts down", methods(all[3]), []string{"Per-minute usage"})
	c.Advance(20 * time.Second)
	equal(t, "after it has", methods(all[0], all[4]), []string{"Parallels", "Per-minute usage"})
	s.Remove(all[1])
	s.SetStatus(all[4], 2)
	equal(t, "after a phone is gone", methods(all[4]), []string{"Parallels"})
}

func TestBatchesCanHaveCodesOfTheirOwn(t *testing.T) {
	c := newClock()
	s := geelarktest.New(geelarktest.Config{Phones: 2, Now: c.Now, Token: token, Still: true, BatchCodes: true})
	id := s.IDs()[0]
	for _, tt := range []struct {
		name string
		ids  []string
		want geelark.Code
		msg  string
	}{
		{"all succeed", []string{id, id}, geelark.CodeOK, "success"},
		{"some fail", []string{id, "1"}, geelark.CodePartial, "partial success"},
		{"all fail", []string{"1", "2"}, geelark.CodeBatchFailed, "process all failure"},
	} {
		for _, endpoint := range []string{"phone/status", "phone/start", "phone/stop"} {
			c.Advance(2 * time.Minute) // no phone is on its way
			s.SetStatus(id, 0)         // and this one runs no task
			a := call(t, s, endpoint, encode(t, ids(tt.ids...)))
			equal(t, endpoint+" when "+tt.name, []any{a.Code, a.Msg}, []any{tt.want, tt.msg})
			var b batch
			if err := json.Unmarshal(a.Data, &b); err != nil {
				t.Fatal(err)
			}
			equal(t, "details", len(b.SuccessDetails)+len(b.FailDetails), 2)
		}
	}
}

func TestAStartGivesAPhoneBackItsLife(t *testing.T) {
	c := newClock()
	s := geelarktest.New(geelarktest.Config{Phones: 1, Seed: 3, Now: c.Now, Token: token})
	id := s.IDs()[0]
	s.Edit(id, func(p *geelarktest.Phone) { p.ChargeMode = 0 })
	s.SetStatus(id, 2)
	c.Advance(1000 * time.Hour)
	equal(t, "status before", status(t, s, id), 2)

	get[batch](t, s, "phone/start", ids(id))
	changes := 0
	for last := status(t, s, id); c.Now().Before(noon.Add(1100 * time.Hour)); c.Advance(time.Minute) {
		if now := status(t, s, id); now != last {
			changes, last = changes+1, now
		}
	}
	if changes < 50 {
		t.Errorf("%d changes in 100 hours", changes)
	}
}
