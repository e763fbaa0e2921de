package collector

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// withUsage switches the collectors of usage and tasks on, and nothing else.
func withUsage(o *options) { o.Collectors = []string{watch.CollectorUsage, watch.CollectorTasks} }

func TestExpositionOfTheDocumentedFlowAndTasks(t *testing.T) {
	inBubbleWith(t, 1, withUsage, nil, func(b *bench) {
		b.o.PhoneUsage = true
		for _, api := range []geelark.Endpoint{geelark.EndpointTransactions, geelark.EndpointTaskHistory, geelark.EndpointTaskQuery} {
			b.sim.Inject(geelarktest.Fault{Endpoint: string(api), Body: geelarktest.Sample(string(api)), ContentType: "application/json"})
		}
		b.scrape()
		synctest.Wait()
		golden(t, b.all(), "usage_and_tasks.prom")
		problems, err := testutil.CollectAndLint(b.all())
		if err != nil || len(problems) > 0 {
			t.Errorf("lint: %v, %v", problems, err)
		}
	})
}

// The document of task/query shows the task of the other, which has failed.
func TestTheDocumentedFailureOfATaskIsCounted(t *testing.T) {
	inBubbleWith(t, 1, withUsage, nil, func(b *bench) {
		for _, api := range []geelark.Endpoint{geelark.EndpointTaskHistory, geelark.EndpointTaskQuery} {
			b.sim.Inject(geelarktest.Fault{Endpoint: string(api), Body: geelarktest.Sample(string(geelark.EndpointTaskQuery)), ContentType: "application/json"})
		}
		b.scrape()
		synctest.Wait()
		b.scrape().wantAll(t, samples{
			`geelark_tasks_finished_total{account="default",status="failed",type="tiktok_warmup"}`: 1,
			`geelark_task_failures_total{account="default",reason="29999",type="tiktok_warmup"}`:   1,
			`geelark_phones_with_failed_tasks{account="default",cause="other"}`:                    1,
		})
	})
}

func TestTasksAreCountedAsTheyEndAndFail(t *testing.T) {
	inBubbleWith(t, 1, withUsage, nil, func(b *bench) {
		now := time.Now().Unix()
		task := func(id, status int, more string) string {
			return fmt.Sprintf(`{"id":"%d","taskType":42,"envId":"%d","scheduleAt":%d,"status":%d%s}`, id, id%2, now, status, more)
		}
		answer := func(items string) []byte {
			return []byte(`{"code":0,"data":{"total":5,"items":[` + items + `]}}`)
		}
		set := func(items string) func() {
			a := b.sim.Inject(geelarktest.Fault{Endpoint: string(geelark.EndpointTaskHistory), Body: answer(items)})
			c := b.sim.Inject(geelarktest.Fault{Endpoint: string(geelark.EndpointTaskQuery), Body: answer(items)})
			return func() { a(); c() }
		}
		remove := set(task(1, 1, "") + "," + task(2, 2, "") + "," + task(3, 1, "") + "," + task(4, 1, ""))
		b.scrape()
		synctest.Wait()
		remove()
		time.Sleep(11 * time.Minute)
		set(task(1, 1, "") + "," + task(2, 3, `,"cost":90`) + "," + task(3, 4, `,"failCode":20110,"cost":5`) + "," + task(4, 4, "") + "," + task(5, 99, ""))
		for range 3 {
			b.scrape()
			synctest.Wait()
			time.Sleep(time.Minute)
		}
		b.scrape().wantAll(t, samples{
			`geelark_tasks{account="default",status="waiting",type="custom"}`:                   1,
			`geelark_tasks{account="default",status="unknown",type="custom"}`:                   1,
			`geelark_tasks_overdue{account="default",type="custom"}`:                            1,
			`geelark_tasks_finished_total{account="default",status="completed",type="custom"}`:  1,
			`geelark_tasks_finished_total{account="default",status="failed",type="custom"}`:     2,
			`geelark_task_failures_total{account="default",reason="20110",type="custom"}`:       1,
			`geelark_task_failures_total{account="default",reason="unknown",type="custom"}`:     1,
			`geelark_task_duration_seconds{account="default",status="completed",type="custom"}`: 1,
			`geelark_phones_with_failed_tasks{account="default",cause="proxy"}`:                 1,
			`geelark_phones_with_failed_tasks{account="default",cause="other"}`:                 1,
			`geelark_phones_with_failed_tasks{account="default",cause="balance"}`:               0,
		})
	})
}

func TestWhatIsNotSwitchedOnIsNotAskedForNorExposed(t *testing.T) {
	inBubbleWith(t, 10, nil, nil, func(b *bench) {
		b.scrape()
		time.Sleep(10 * time.Minute)
		s := b.scrape()
		for _, api := range []geelark.Endpoint{geelark.EndpointTransactions, geelark.EndpointTaskHistory, geelark.EndpointTaskQuery} {
			if n := b.sim.Requests(string(api)); n != 0 {
				t.Errorf("%d requests to %s", n, api)
			}
		}
		for _, f := range append(append([]*family{}, usageFamilies...), taskFamilies...) {
			s.absent(t, f.name)
		}
		s.absent(t, "geelark_task")
	})
}
