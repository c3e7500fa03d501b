package client_test

import (
	"testing"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/client"
)

func TestBatchOfARealServer(t *testing.T) {
	c, _ := realClient(t)
	batch := []client.MessageRequest{
		{To: []string{"alice"}, Text: "one"}, {To: []string{"alice"}}, {To: []string{"alice"}, Text: "two", IdempotencyKey: "two"}, {To: []string{"alice"}, Text: "two", IdempotencyKey: "two"},
	}
	answers, err := c.SendBatch(t.Context(), batch)
	if err != nil || len(answers) != len(batch) {
		t.Fatalf("%+v, %v", answers, err)
	}
	if answers[0].Err != nil || len(answers[0].Deliveries) != 1 || relay.ErrorCode(answers[1].Err) != relay.CodeInvalidField || answers[1].Err == nil {
		t.Errorf("%+v", answers[:2])
	}
	if answers[2].ID != answers[3].ID || answers[2].ID.IsZero() {
		t.Errorf("a key that comes twice makes two messages: %v, %v", answers[2].ID, answers[3].ID)
	}
	if _, err := c.SendBatch(t.Context(), nil); relay.ErrorCode(err) != relay.CodeInvalidField {
		t.Errorf("an empty batch: %v", err)
	}
	if _, err := c.SendBatch(t.Context(), []client.MessageRequest{{To: []string{"alice"}, File: &client.File{Name: "x"}}}); err == nil {
		t.Error("a file in a batch is taken")
	}
}
