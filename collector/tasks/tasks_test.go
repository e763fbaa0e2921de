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
