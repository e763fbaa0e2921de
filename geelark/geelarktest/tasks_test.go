package geelarktest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

const (
	history = "task/historyRecords"
	query   = "task/query"
)

type task struct {
	ID         string
	PlanName   string
	TaskType   int
	SerialName string
	EnvID      string
	ScheduleAt int64
	Status     int
	FailCode   int
	FailDesc   string
	Cost       int
}

type taskList struct {
	Total int
	Items []task
}

func working(phones int, perDay float64, u geelarktest.Usage) (*geelarktest.Server, *clock) {
	c := newClock()
	unlimited := geelarktest.Limits{PerMinute: -1, PerHour: -1}
	return geelarktest.New(geelarktest.Config{
		Phones: phones, Seed: 2, Now: c.Now, Token: token, TasksPerDay: perDay, Usage: u,
		Limits: map[string]geelarktest.Limits{history: unlimited, query: unlimited},
	}), c
}

// allTasks reads the whole history.
func allTasks(t *testing.T, s *geelarktest.Server) []task {
	t.Helper()
	var all []task
	request := params{"size": 100}
	for {
		page := get[taskList](t, s, history, request)
		all = append(all, page.Items...)
		if len(page.Items) < 100 {
			return all
		}
		request["lastId"] = page.Items[99].ID
	}
}

func TestTasksGoOnAsTasksDo(t *testing.T) {
	s, c := working(40, 20, geelarktest.Usage{})
	last := map[string]task{}
	for range 12 * 60 {
		c.Advance(time.Minute)
		for _, k := range get[taskList](t, s, history, params{"size": 100}).Items {
			before, known := last[k.ID]
			step := fmt.Sprint(before.Status, k.Status)
			switch {
			case !known && (k.Status == 1 || k.Status == 7):
			case known && slices.Contains([]string{"1 1", "1 2", "1 3", "1 4", "1 7", "2 2", "2 3", "2 4", "3 3", "4 4", "7 7"}, step):
			default:
				t.Fatalf("%+v became %+v", before, k)
			}
			failed := k.Status == 4
			equal(t, "has a failure code", k.FailCode != 0, failed)
			equal(t, "has a failure's text", k.FailDesc != "", failed)
			if k.Cost != 0 && k.Status != 3 && k.Status != 4 || k.Cost == 0 && k.Status == 3 {
				t.Fatalf("%+v", k)
			}
			if k.Status == 2 && k.ScheduleAt > c.Now().Unix() {
				t.Fatalf("begun too early: %+v", k)
			}
			p, ok := s.Phone(k.EnvID)
			equal(t, "of a phone", []any{ok, p.SerialName}, []any{true, k.SerialName})
			last[k.ID] = k
		}
	}
	byStatus := map[int]int{}
	for _, k := range last {
		byStatus[k.Status]++
	}
	for _, status := range []int{1, 3, 4, 7} {
		if byStatus[status] == 0 {
			t.Errorf("by status %v", byStatus)
		}
	}
	if failed := float64(byStatus[4]) / float64(byStatus[3]+byStatus[4]); failed < 0.02 || failed > 0.25 {
		t.Errorf("%.0f%% failed: %v", failed*100, s.TaskEnds())
	}
}

func TestAPhoneThatRunsATaskSaysSo(t *testing.T) {
	s, c := working(40, 20, geelarktest.Usage{})
	seen := 0
	for range 300 {
		c.Advance(time.Minute)
		running := map[string]int{}
		for _, k := range s.Tasks() {
			if k.Status == 2 {
				running[k.Phone]++
			}
		}
		for _, p := range phones(t, s) {
			if p.RPAStatus == 1 {
				seen++
				equal(t, "runs one task, and is started", []int{running[p.ID], p.Status}, []int{1, 0})
			}
			if running[p.ID] > 1 {
				t.Fatalf("a phone runs %d tasks", running[p.ID])
			}
		}
	}
	if seen < 100 {
		t.Errorf("seen %d times", seen)
	}
}

func TestAReaderOfTasksArrivesAtTheirEnds(t *testing.T) {
	for name, order := range orders {
		for _, l := range []geelarktest.Listing{{Order: order}, {Order: order, Late: time.Hour, Twice: true}, {Order: order, Drift: true}} {
			t.Run(fmt.Sprintf("%s, %+v", name, l), func(t *testing.T) {
				s, c := working(20, 5, geelarktest.Usage{})
				s.SetListing(history, l)
				seen := map[string]task{}
				for range 12 * 2 {
					c.Advance(12 * time.Hour)
					for _, k := range allTasks(t, s) {
						seen[k.ID] = k
					}
				}
				ends, open := map[geelarktest.TaskEnd]int{}, 0
				for _, k := range seen {
					if k.Status < 3 {
						open++
						continue
					}
					ends[geelarktest.TaskEnd{Type: k.TaskType, Status: k.Status, FailCode: k.FailCode}]++
				}
				if l.Late == 0 && !maps.Equal(ends, s.TaskEnds()) {
					t.Errorf("got %v, want %v", ends, s.TaskEnds())
				}
				n := 0
				for _, ended := range s.TaskEnds() {
					n += ended
				}
				if len(seen) < n-20 || open > 30 {
					t.Errorf("%d seen of %d, %d open", len(seen), n, open)
				}
			})
		}
	}
}

func TestTasksAreForgottenAfterAWeek(t *testing.T) {
	s, c := working(20, 10, geelarktest.Usage{})
	c.Advance(20 * 24 * time.Hour)
	all := allTasks(t, s)
	if len(all) < 7*200-100 || len(all) > 7*200+100 {
		t.Errorf("%d tasks of a week", len(all))
	}
	for _, k := range all {
		if k.ScheduleAt < c.Now().Unix()-7*24*3600 {
			t.Fatalf("%+v", k)
		}
	}
	equal(t, "total", get[taskList](t, s, history, params{}).Total, len(all))
	equal(t, "the usual page", len(get[taskList](t, s, history, params{}).Items), 10)
	c.Advance(8 * 24 * time.Hour)
	equal(t, "a forgotten one", get[taskList](t, s, query, ids(all[0].ID)), taskList{Items: []task{}})
	equal(t, "after a forgotten one", call(t, s, history, encode(t, params{"lastId": all[0].ID})).Code, geelark.CodeOK)
}

func TestTasksCanBeQueried(t *testing.T) {
	s, c := working(20, 10, geelarktest.Usage{})
	c.Advance(24 * time.Hour)
	all := allTasks(t, s)
	got := get[taskList](t, s, query, ids(all[3].ID, "612451567282427943", all[1].ID, "x"))
	equal(t, "those that exist, as asked", got, taskList{Total: 2, Items: []task{all[3], all[1]}})
	equal(t, "by the history's ids", get[taskList](t, s, history, ids(all[3].ID)).Items, all[3:4])

	many := func(n int) string { return encode(t, ids(repeat(all[0].ID, n)...)) }
	for _, tt := range []struct {
		name, endpoint, body string
		want                 geelark.Code
	}{
		{"a query needs ids", query, `{}`, geelark.CodeParameter},
		{"a query takes 100", query, many(100), geelark.CodeOK},
		{"and no more", query, many(101), geelark.CodeParameter},
		{"the history takes 100 ids", history, many(100), geelark.CodeOK},
		{"and no more", history, many(101), geelark.CodeParameter},
		{"the history has pages of 100", history, `{"size":100}`, geelark.CodeOK},
		{"and no more", history, `{"size":101}`, geelark.CodeParameter},
		{"nor less than one", history, `{"size":0}`, geelark.CodeParameter},
		{"an id that never was", history, `{"lastId":"612451567282427943"}`, geelark.CodeParameter},
		{"it is JSON", history, `{`, geelark.CodeBody},
		{"it is JSON too", query, `{`, geelark.CodeBody},
	} {
		equal(t, tt.name, call(t, s, tt.endpoint, tt.body).Code, tt.want)
	}
	s, _ = still(1)
	equal(t, "without tasks", call(t, s, history, "{}").Data, json.RawMessage(`{"total":0,"items":[]}`))
	equal(t, "without tasks", call(t, s, query, `{"ids":["612451567282427943"]}`).Data, json.RawMessage(`{"total":0,"items":[]}`))
}

// failures counts how a task failed within the next hours.
func failures(s *geelarktest.Server, c *clock, hours int) (codes map[int]int, share float64) {
	before := s.TaskEnds()
	c.Advance(time.Duration(hours) * time.Hour)
	codes = map[int]int{}
	failed, all := 0, 0
	for end, n := range s.TaskEnds() {
		n -= before[end]
		if end.Status == 4 {
			codes[end.FailCode] += n
			failed += n
		}
		if end.Status != 7 {
			all += n
		}
	}
	maps.DeleteFunc(codes, func(_, n int) bool { return n == 0 })
	return codes, float64(failed) / float64(all)
}

func TestTroubleShowsInTasks(t *testing.T) {
	for _, tt := range []struct {
		name    string
		trouble func(*geelarktest.Server)
		want    []int // the codes that all but a few have
		least   float64
	}{
		{"no proxies", func(s *geelarktest.Server) { s.SetTrouble(geelarktest.Trouble{Proxies: true}) }, []int{20100, 20108, 20109, 20110, 29996}, 0.9},
		{"a blocked app", func(s *geelarktest.Server) { s.SetTrouble(geelarktest.Trouble{App: true}) }, []int{20136, 20137}, 0.9},
		{"no money", func(s *geelarktest.Server) { s.SetBilling(geelarktest.Billing{}) }, []int{29997}, 0.35},
		{"the phones are gone", func(s *geelarktest.Server) { s.Remove(s.IDs()[:100]...) }, []int{29998}, 0.01},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, c := working(200, 20, geelarktest.Usage{Every: time.Minute})
			s.SetBilling(geelarktest.Billing{Balance: 1e6})
			_, usual := failures(s, c, 6)
			if usual > 0.2 {
				t.Errorf("%.0f%% fail usually", usual*100)
			}
			tt.trouble(s)
			c.Advance(time.Hour)
			codes, share := failures(s, c, 6)
			if tt.name == "the phones are gone" {
				codes, share = map[int]int{}, 1
				for end, n := range s.TaskEnds() {
					if end.FailCode == 29998 {
						codes[29998] += n
					}
				}
			}
			n, all := 0, 0
			for code, times := range codes {
				all += times
				if slices.Contains(tt.want, code) {
					n += times
				}
			}
			if share < tt.least || n == 0 || float64(n)/float64(all) < 0.6 {
				t.Errorf("%.0f%% failed by %v", share*100, codes)
			}
			s.SetTrouble()
		})
	}
}

func TestTroubleOfAGroupIsItsOwn(t *testing.T) {
	s, c := working(100, 20, geelarktest.Usage{})
	s.SetTrouble(geelarktest.Trouble{Group: "qa", App: true})
	c.Advance(24 * time.Hour)
	for _, k := range s.Tasks() {
		p, _ := s.Phone(k.Phone)
		if blocked := k.FailCode == 20137; blocked && p.Group != "qa" {
			t.Errorf("%+v of %s", k, p.Group)
		}
	}
}

func TestTasksWaitForADevice(t *testing.T) {
	s, c := working(30, 30, geelarktest.Usage{})
	for _, id := range s.IDs() {
		s.SetStatus(id, 2)
	}
	s.SetTrouble(geelarktest.Trouble{Devices: true})
	c.Advance(6 * time.Hour)
	overdue := 0
	for _, k := range s.Tasks() {
		if k.Status == 1 && k.ScheduleAt < c.Now().Add(-time.Hour).Unix() {
			overdue++
		}
	}
	if overdue < 50 {
		t.Errorf("%d tasks are overdue", overdue)
	}
	equal(t, "a start", get[batch](t, s, "phone/start", ids(s.IDs()[0])).FailDetails[0].Code, geelark.CodeCrowded)
	s.SetTrouble(geelarktest.Trouble{Proxies: true})
	equal(t, "a start without proxies", get[batch](t, s, "phone/start", ids(s.IDs()[0])).FailDetails[0].Code, geelark.Code(45002))
	s.SetTrouble()
	c.Advance(12 * time.Hour)
	for _, k := range s.Tasks() {
		if k.Status == 1 && k.ScheduleAt < c.Now().Add(-time.Hour).Unix() {
			t.Fatalf("still waits: %+v", k)
		}
	}
}

func TestAPhoneIsStartedForATaskAndStoppedAfterIt(t *testing.T) {
	s, c := working(10, 10, geelarktest.Usage{})
	for _, id := range s.IDs() {
		s.SetStatus(id, 2) // and none goes on by itself
	}
	ran := map[string]bool{}
	for range 300 {
		c.Advance(time.Minute)
		busy := map[string]bool{}
		for _, k := range s.Tasks() {
			busy[k.Phone] = busy[k.Phone] || k.Status == 2 || k.Status > 2 && k.ScheduleAt+int64(k.Cost) > c.Now().Add(-2*time.Minute).Unix()
		}
		for _, p := range phones(t, s) {
			ran[p.ID] = ran[p.ID] || p.Status == 0
			if p.Status != 2 && !busy[p.ID] {
				t.Fatalf("phone %s is on for nothing", p.ID)
			}
		}
	}
	if len(ran) < 10 {
		t.Errorf("%d phones ran", len(ran))
	}
}

func TestTasksCostPoints(t *testing.T) {
	s, c := working(50, 10, geelarktest.Usage{Every: time.Hour})
	c.Advance(12 * time.Hour)
	sum := total(s.Ledger(), 1)
	if sum.Flows == 0 || sum.Micros != sum.Seconds/60*1_000_000 {
		t.Errorf("%+v", sum)
	}
	for charge := range s.Ledger() {
		equal(t, "charge type 1 is of RPA", charge.Type == 2, charge.ChargeType == 1)
	}
}

func TestStartsOfADayAreBounded(t *testing.T) {
	s, c := still(200)
	b := s.Billing()
	b.Plan = 0 // 1,000 starts a day
	s.SetBilling(b)
	start := func() (last geelark.Code) {
		for _, id := range s.IDs() {
			s.SetStatus(id, 2)
		}
		b := get[batch](t, s, "phone/start", ids(s.IDs()...))
		if b.FailAmount > 0 {
			return b.FailDetails[0].Code
		}
		return geelark.CodeOK
	}
	for range 5 {
		equal(t, "within the day's starts", start(), geelark.CodeOK)
	}
	equal(t, "beyond them", start(), geelark.Code(43008))
	c.Advance(12 * time.Hour)
	equal(t, "on the next day of UTC", start(), geelark.CodeOK)
}
