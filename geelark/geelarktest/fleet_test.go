package geelarktest_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestFleetSizes(t *testing.T) {
	for _, tt := range []struct {
		phones int
		want   map[int]int // by status
	}{
		{0, map[int]int{}},
		{1, map[int]int{2: 1}},
		{10, map[int]int{0: 6, 1: 1, 2: 2, 3: 1}},
		{250, map[int]int{0: 150, 1: 7, 2: 88, 3: 5}},
		{5000, map[int]int{0: 3000, 1: 150, 2: 1750, 3: 100}},
	} {
		t.Run(fmt.Sprintf("%d phones have all the statuses they can", tt.phones), func(t *testing.T) {
			s, _ := still(tt.phones)
			equal(t, "ids", len(s.IDs()), tt.phones)
			equal(t, "statuses", byStatus(t, s), tt.want)
		})
	}
}

func TestIDsLookLikeTheVendors(t *testing.T) {
	s, _ := still(2000)
	all := s.IDs()
	form := regexp.MustCompile(`^[56]\d{17}$`)
	for _, id := range all {
		if !form.MatchString(id) {
			t.Errorf("id %s", id)
		}
		var n float64
		if err := json.Unmarshal([]byte(id), &n); err != nil || strconv.FormatFloat(n, 'f', 0, 64) == id {
			t.Errorf("id %s survives a float64", id)
		}
	}
	slices.Sort(all)
	equal(t, "different ids", len(slices.Compact(all)), 2000)
}

func TestPhonesArePlausible(t *testing.T) {
	s, _ := still(1000)
	soon, names, seen := 0, map[string]bool{}, map[string]map[string]bool{"group": {}, "tag": {}, "model": {}}
	for i, p := range phones(t, s) {
		equal(t, "serial number", p.SerialNo, strconv.Itoa(i+1))
		if !regexp.MustCompile(`^` + p.Group + `-\d{4}$`).MatchString(p.SerialName) {
			t.Errorf("%s of group %s", p.SerialName, p.Group)
		}
		names[p.SerialName] = true
		seen["group"][p.Group] = true
		seen["model"][p.Brand+p.Model+p.OSVersion] = true
		for _, tag := range p.Tags {
			seen["tag"][tag] = true
		}
		monthly := p.ChargeMode == 1
		equal(t, "bound to a monthly device", p.HasBind, monthly)
		equal(t, "has an end of the month", p.MonthlyExpire != 0, monthly)
		equal(t, "expired", p.Status == 3, monthly && p.MonthlyExpire <= noon.Unix())
		if left := p.MonthlyExpire - noon.Unix(); left > 0 && left < 4*24*3600 {
			soon++
		}
		if p.CreateTime >= noon.Unix() || p.Country == "" || p.ProxyID == "" {
			t.Errorf("%+v", p)
		}
	}
	equal(t, "different names", len(names), 1000)
	equal(t, "groups, tags, models", []int{len(seen["group"]), len(seen["tag"]), len(seen["model"])}, []int{5, 5, 8})
	if soon < 50 {
		t.Errorf("only %d phones expire within days", soon)
	}
}

func TestTheSeedDecidesTheFleet(t *testing.T) {
	fleet := func(seed uint64) string {
		s := geelarktest.New(geelarktest.Config{Phones: 100, Seed: seed, Now: newClock().Now, Token: token})
		return call(t, s, "phone/list", `{"pageSize":100}`).Raw
	}
	first := fleet(1)
	if fleet(1) != first {
		t.Error("the same seed gives another fleet")
	}
	if fleet(2) == first {
		t.Error("another seed gives the same fleet")
	}
}

func TestPhonesComeAndGo(t *testing.T) {
	s, _ := still(3)
	old := s.IDs()
	added := s.Add(2)
	equal(t, "ids", s.IDs(), append(slices.Clone(old), added...))
	equal(t, "no phones added", len(s.Add(0)), 0)
	p, _ := s.Phone(added[1])
	equal(t, "status and number", []any{p.Status, p.SerialNo}, []any{2, "5"})

	s.Remove(old[0], added[0], "unknown")
	equal(t, "ids", s.IDs(), []string{old[1], old[2], added[1]})
	equal(t, "total", get[list](t, s, "phone/list", params{}).Total, 3)
	b := get[batch](t, s, "phone/status", ids(old[0]))
	equal(t, "a removed phone", b.FailDetails[0].Code, geelark.CodePhoneNotFound)
	p, _ = s.Phone(s.Add(1)[0])
	equal(t, "a number is not used again", p.SerialNo, "6")
}

func TestPhonesCanBeEdited(t *testing.T) {
	s, _ := still(3)
	id := s.IDs()[1]
	before, _ := s.Phone(id)
	tags := []string{"one", "two"}
	s.Edit(id, func(p *geelarktest.Phone) {
		p.Group, p.Tags, p.Remark, p.MonthlyExpire = "new group", tags, "r", 7
		p.ID, p.Status, p.ProxyID = "x", 9, "y"
	})
	tags[0] = "changed later"
	s.Rename(id, `a "quoted" 名`)
	s.Edit("unknown", func(*geelarktest.Phone) { t.Error("an unknown phone is edited") })
	s.SetStatus("unknown", 0)

	want := before
	want.Group, want.Tags, want.Remark, want.MonthlyExpire, want.SerialName = "new group", []string{"one", "two"}, "r", 7, `a "quoted" 名`
	got, _ := s.Phone(id)
	equal(t, "phone", got, want)

	got.Tags[0] = "the caller's own"
	got, _ = s.Phone(id)
	equal(t, "phone after its copy was changed", got, want)

	item := get[list](t, s, "phone/list", ids(id)).Items[0]
	equal(t, "listed", []any{item.SerialName, item.Group.Name, item.Tags[1].Name, item.MonthlyExpire}, []any{want.SerialName, "new group", "two", 7})
	if item.Group.ID == "" {
		t.Error("the new group has no id")
	}
}
