//! What a client subscribes to: filters of MQTT are subscriptions of WAMP.

use super::super::topic;
use super::super::words::named;
use super::{Asked, Batch, Bridge, Filter, Step};
use jackfield_wamp::{Dict, Id, Message};
use mqttbytes::QoS;
use mqttbytes::v4::{Packet, SubAck, Subscribe, SubscribeReasonCode, UnsubAck, Unsubscribe};

/// Filters of one client, at most.
const MOST_FILTERS: usize = 10_000;

impl Bridge {
    pub(super) fn subscribe(&mut self, subscribe: Subscribe) -> Vec<Step> {
        let Subscribe { pkid, filters } = subscribe;
        if filters.is_empty() || self.batches.contains_key(&pkid) {
            return vec![Step::Close("SUBSCRIBE without filters, or with a number that is in use".into())];
        }
        let mut steps = Vec::new();
        let mut batch = Batch { left: 0, codes: vec![SubscribeReasonCode::Failure; filters.len()] };
        for (index, filter) in filters.into_iter().enumerate() {
            let Ok((uri, policy)) = topic::of_filter(&filter.path) else { continue };
            if self.filters.len() + batch.left >= MOST_FILTERS {
                continue;
            }
            batch.left += 1;
            let qos = if filter.qos == QoS::AtMostOnce { QoS::AtMostOnce } else { QoS::AtLeastOnce };
            let options = Dict::new().with("match", named(policy)).with("get_retained", true);
            let asked = Asked::Subscribe { packet: pkid, index, filter: filter.path, uri: uri.clone(), qos };
            let request = self.request(asked);
            steps.push(Step::Route(Message::Subscribe { request, options, topic: uri }));
        }
        if batch.left == 0 {
            return vec![Step::Send(Packet::SubAck(SubAck::new(pkid, batch.codes)))];
        }
        self.batches.insert(pkid, batch);
        steps
    }

    pub(super) fn unsubscribe(&mut self, unsubscribe: Unsubscribe) -> Vec<Step> {
        let Unsubscribe { pkid, topics } = unsubscribe;
        let mut gone = Vec::new();
        for filter in topics {
            if let Some(Filter { subscription, .. }) = self.filters.remove(&filter)
                && self.filters.values().all(|other| other.subscription != subscription)
            {
                gone.push(subscription);
            }
        }
        if gone.is_empty() {
            return vec![Step::Send(Packet::UnsubAck(UnsubAck::new(pkid)))];
        }
        let last = gone.len() - 1;
        let mut steps = Vec::new();
        for (index, subscription) in gone.into_iter().enumerate() {
            // The router answers in order: the last one is the answer to all.
            let request = if index == last {
                self.request(Asked::Unsubscribe(pkid))
            } else {
                self.last_request += 1;
                self.last_request
            };
            steps.push(Step::Route(Message::Unsubscribe { request, subscription }));
        }
        steps
    }

    pub(super) fn subscribed(&mut self, request: Id, subscription: Option<Id>) -> Vec<Step> {
        let Some(Asked::Subscribe { packet, index, filter, uri, qos }) = self.waiting.remove(&request) else {
            return Vec::new();
        };
        if let Some(subscription) = subscription {
            self.filters.insert(filter, Filter { subscription, uri, qos });
        }
        let Some(batch) = self.batches.get_mut(&packet) else { return Vec::new() };
        if subscription.is_some() {
            batch.codes[index] = SubscribeReasonCode::Success(qos);
        }
        batch.left -= 1;
        if batch.left > 0 {
            return Vec::new();
        }
        let codes = self.batches.remove(&packet).map(|batch| batch.codes).unwrap_or_default();
        vec![Step::Send(Packet::SubAck(SubAck::new(packet, codes)))]
    }
}
