package tasks

import (
	"maps"
	"slices"
	"testing"
	"time"

	"geelark_exporter/geelark"
)

var epoch = time.Unix(1_790_000_000, 0)

func task(id string, status geelark.TaskStatus, scheduled time.Time) geelark.Task {
	return geelark.Task{ID: id, Type: geelark.TaskCustom, Status: status, Scheduled: scheduled}
}

func TestOpenTasksAreCountedByStatusAndThoseThatWaitTooLongByType(t *testing.T) {
	tr := New(epoch, nil, nil)
	tr.learn([]geelark.Task{
		task("1", geelark.TaskWaiting, epoch), task("2", geelark.TaskWaiting, epoch.Add(-time.Hour)), task("3", geelark.TaskInProgress, epoch.Add(-time.Hour)),
		task("4", geelark.TaskWaiting, time.Time{}), task("5", 9, epoch), task("6", geelark.TaskCompleted, epoch),
	}, epoch)
	open, overdue := tr.Open(epoch.Add(time.Minute), 10*time.Minute)
	if want := (map[End]int{{geelark.TaskCustom, geelark.TaskWaiting}: 3, {geelark.TaskCustom, geelark.TaskInProgress}: 1, {geelark.TaskCustom, 9}: 1}); !maps.Equal(open, want) {
		t.Errorf("open %v", open)
	}
	if want := (map[geelark.TaskType]int{geelark.TaskCustom: 1}); !maps.Equal(overdue, want) {
		t.Errorf("overdue %v", overdue)
	}
}

func TestATaskThatHadEndedBeforeCountingBeganDoesNotCount(t *testing.T) {
	for name, test := range map[string]struct {
		before, seen geelark.Task
		want         int
	}{
		"met as ended": {seen: task("1", geelark.TaskCompleted, epoch.Add(-time.Second))},
		"met as ended, but ran beyond": {
			seen: geelark.Task{ID: "1", Status: geelark.TaskCompleted, Scheduled: epoch.Add(-time.Hour), Took: time.Hour}, want: 1,
		},
		"met as ended, scheduled later": {seen: task("1", geelark.TaskCompleted, epoch), want: 1},
		"met as open":                   {task("1", geelark.TaskWaiting, epoch.Add(-time.Hour)), task("1", geelark.TaskCompleted, epoch.Add(-time.Hour)), 1},
	} {
		t.Run(name, func(t *testing.T) {
			tr := New(epoch, nil, nil)
			if test.before.ID != "" {
				tr.learn([]geelark.Task{test.before}, epoch)
			}
			tr.learn([]geelark.Task{test.seen, test.seen}, epoch)
			tr.learn([]geelark.Task{test.seen, task("1", geelark.TaskInProgress, epoch)}, epoch)
			got := 0
			for _, n := range tr.Ends() {
				got += n
			}
			if open, _ := tr.Open(epoch, 0); got != test.want || len(open) > 0 {
				t.Errorf("got %d, open %v", got, open)
			}
		})
	}
}

func TestFailuresAreCountedByCauseAndTheLastAreKept(t *testing.T) {
	var took []time.Duration
	tr := New(epoch, nil, func(_ geelark.TaskType, _ geelark.TaskStatus, d time.Duration) { took = append(took, d) })
	for i := range mostFailures + 5 {
		f := task(string(rune('a'+i)), geelark.TaskFailed, epoch)
		f.FailCode, f.Took = geelark.Code(20100+i%2), time.Duration(i)*time.Second
		tr.learn([]geelark.Task{f}, epoch.Add(time.Duration(i)*time.Second))
	}
	if got := tr.Causes()[Cause{geelark.TaskCustom, 20100}]; got != 13 {
		t.Errorf("got %d", got)
	}
	last := tr.Failures()
	if len(last) != mostFailures || !last[0].Seen.Equal(epoch.Add(24*time.Second)) || last[0].Took != 24*time.Second {
		t.Errorf("%d failures, the last %+v", len(last), last[0])
	}
	if len(took) != mostFailures+4 { // one took no time that was told
		t.Errorf("%d durations", len(took))
	}
}

func TestTasksAreAskedForInTurnAndGoWhenTwoAnswersLackThem(t *testing.T) {
	tr := New(epoch, nil, nil)
	tr.learn([]geelark.Task{task("a", geelark.TaskWaiting, epoch), task("b", geelark.TaskInProgress, epoch), task("later", geelark.TaskWaiting, epoch.Add(time.Hour))}, epoch)
	due := func(after time.Duration) []string { return tr.due(epoch.Add(after), 10) }
	if got := due(29 * time.Second); got != nil {
		t.Errorf("just met: %q", got)
	}
	if got := due(30 * time.Second); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
	tr.answered([]string{"a", "b", "unknown"}, []geelark.Task{{ID: "b"}}, epoch.Add(30*time.Second))
	if got := due(10 * time.Minute); !slices.Equal(got, []string{"later", "a", "b"}) || !slices.Equal(tr.due(epoch.Add(10*time.Minute), 1), got[:1]) {
		t.Errorf("got %q", got)
	}
	tr.answered([]string{"a", "b"}, []geelark.Task{{ID: "b"}}, epoch.Add(time.Minute))
	if got := due(5 * time.Minute); !slices.Equal(got, []string{"b"}) {
		t.Errorf("got %q", got)
	}
}

func TestATrackerIsMadeAnewFromItsChanges(t *testing.T) {
	var changes []Change
	tr := New(epoch, func(c Change) { changes = append(changes, c) }, nil)
	failed := task("1", geelark.TaskFailed, epoch)
	failed.FailCode = 20110
	tr.learn([]geelark.Task{task("1", geelark.TaskWaiting, epoch), task("2", geelark.TaskWaiting, epoch)}, epoch)
	tr.learn([]geelark.Task{task("2", geelark.TaskWaiting, epoch)}, epoch) // no news
	tr.learn([]geelark.Task{failed}, epoch)
	if len(changes) != 2 {
		t.Fatalf("%d changes", len(changes))
	}
	again := New(epoch.Add(time.Hour), nil, nil)
	for _, c := range changes {
		again.Restore(c)
	}
	whole := New(epoch.Add(time.Hour), nil, nil)
	whole.Restore(again.Whole())
	for _, got := range []*Tracker{again, whole} {
		if got.learn([]geelark.Task{failed}, epoch) != 0 || !maps.Equal(got.Ends(), tr.Ends()) || !maps.Equal(got.Causes(), tr.Causes()) || len(got.open) != 1 {
			t.Errorf("got %v, %v, %d open", got.Ends(), got.Causes(), len(got.open))
		}
	}
}

func TestWhatTheVendorDoesNotListAnyMoreIsForgotten(t *testing.T) {
	tr := New(epoch, nil, nil)
	tr.learn([]geelark.Task{task("1", geelark.TaskCompleted, epoch), task("2", geelark.TaskCompleted, epoch.Add(time.Hour))}, epoch)
	tr.forget(epoch.Add(geelark.TaskMemory + margin))
	if len(tr.ended) != 2 {
		t.Errorf("%d left", len(tr.ended))
	}
	if got := tr.known(epoch.Add(geelark.TaskMemory + time.Second)); got != 1 {
		t.Errorf("%d are listed", got)
	}
	tr.forget(epoch.Add(geelark.TaskMemory + margin + time.Second))
	if len(tr.ended) != 1 {
		t.Errorf("%d left", len(tr.ended))
	}
	for i := range uint64(Capacity) {
		tr.ended[i] = epoch.Unix() + int64(i)
	}
	tr.forget(epoch)
	if n := len(tr.ended); n > Capacity || n < Capacity-1 {
		t.Errorf("%d left", n)
	}
}

func TestPhonesCountByTheCauseOfWhichTheirTasksFailedWithinTheHour(t *testing.T) {
	failed := func(id, phone string, code geelark.Code, scheduled time.Time, took time.Duration) geelark.Task {
		return geelark.Task{ID: id, PhoneID: phone, Status: geelark.TaskFailed, FailCode: code, Scheduled: scheduled, Took: took}
	}
	var changes []Change
	tr := New(epoch, func(c Change) { changes = append(changes, c) }, nil)
	tr.learn([]geelark.Task{task("5", geelark.TaskInProgress, epoch)}, epoch)
	now := epoch.Add(2 * time.Hour)
	tr.learn([]geelark.Task{
		failed("1", "a", 20110, now.Add(-10*time.Minute), time.Minute),
		failed("2", "a", 29996, now.Add(-5*time.Minute), time.Minute), // the same cause by another code
		failed("3", "b", 20109, now.Add(-62*time.Minute), 3*time.Minute),
		failed("4", "b", 29997, now.Add(-10*time.Minute), 0),
		failed("5", "c", 20110, epoch, time.Minute),                    // nobody looked for two hours
		failed("6", "d", 20110, now.Add(-70*time.Minute), time.Minute), // the same, and it is new
		failed("7", "e", 20110, now.Add(-3*time.Hour), 0),              // before counting began
		failed("8", "", 20110, now.Add(-10*time.Minute), 0),            // whose phone cannot be read
		failed("9", "f", 20201, now, 0),
		failed("10", "g", 20129, now.Add(time.Hour), 0), // ahead of its time
		{ID: "11", PhoneID: "h", Status: geelark.TaskCompleted, Scheduled: now},
	}, now)
	at := func(d time.Duration, want map[geelark.TaskCause]int) {
		t.Helper()
		whole, again := New(epoch, nil, nil), New(epoch, nil, nil)
		whole.Restore(tr.Whole())
		for _, c := range changes {
			again.Restore(c)
		}
		for name, tr := range map[string]*Tracker{"itself": tr, "made of all that is known": whole, "made of changes": again} {
			if got := tr.Failing(now.Add(d)); !maps.Equal(got, want) {
				t.Errorf("after %v, %s: %v, want %v", d, name, got, want)
			}
		}
	}
	at(0, map[geelark.TaskCause]int{geelark.CauseProxy: 2, geelark.CauseBalance: 1, geelark.CauseOther: 1, geelark.CauseDeviceOffline: 1})
	at(time.Minute, map[geelark.TaskCause]int{geelark.CauseProxy: 1, geelark.CauseBalance: 1, geelark.CauseOther: 1, geelark.CauseDeviceOffline: 1})
	at(55*time.Minute, map[geelark.TaskCause]int{geelark.CauseProxy: 1, geelark.CauseOther: 1, geelark.CauseDeviceOffline: 1})
	at(time.Hour, map[geelark.TaskCause]int{})
	tr.forget(now.Add(55 * time.Minute))
	if n := len(tr.failing); n != 3 {
		t.Errorf("%d failures of the last hour are kept, want 3", n)
	}
}

func TestATaskThatWasFollowedFailedAfterItWasLastOpen(t *testing.T) {
	tr := New(epoch, nil, nil)
	running := task("1", geelark.TaskInProgress, epoch)
	running.PhoneID = "a"
	failed := running
	failed.Status, failed.FailCode, failed.Took = geelark.TaskFailed, 20110, time.Minute // it waited for its turn
	tr.learn([]geelark.Task{running}, epoch)
	tr.answered([]string{"1"}, []geelark.Task{running}, epoch.Add(3*time.Hour))
	tr.learn([]geelark.Task{failed}, epoch.Add(3*time.Hour+time.Minute))
	for after, want := range map[time.Duration]int{3*time.Hour + time.Minute: 1, 4*time.Hour - time.Second: 1, 4 * time.Hour: 0} {
		if got := tr.Failing(epoch.Add(after))[geelark.CauseProxy]; got != want {
			t.Errorf("after %v: %d phones, want %d", after, got, want)
		}
	}
}
