//! A warehouse for Elixir programs, which `examples/elixir` talks to:
//!
//! ```text
//! cargo run -p einode --features tokio --example warehouse -- warehouse@127.0.0.1 secret
//! ```

use std::collections::HashMap;
use std::error::Error;

use einode::tokio::Node;
use einode::{Atom, Body, CallError, From, GenServer, Pid, Process, Stop, Term, term};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How much there is of each thing: a `GenServer` of the name `:stock`.
#[derive(Default)]
struct Stock(HashMap<String, i64>);

impl GenServer for Stock {
    /// `GenServer.call({:stock, node}, {:take, "apple", 2})`, or `{:count, "apple"}`.
    fn handle_call(&mut self, _: &Process, request: Body, from: From) -> Result<(), Stop> {
        let request = request.term()?;
        let answer = match request.as_tuple() {
            Some([what, thing]) if what.is_atom("count") => term!((self.count(thing))),
            Some([what, thing, n]) if what.is_atom("take") => {
                let (left, n) = (self.count(thing), n.as_i64().unwrap_or(0));
                if (0..=left).contains(&n) {
                    self.put(thing, -n);
                    term!({ok, (left - n)})
                } else {
                    term!({error, {only, (left)}})
                }
            }
            _ => term!({error, unknown_request}),
        };
        Ok(from.reply(&answer)?)
    }

    /// `GenServer.cast({:stock, node}, {:put, "apple", 5})`
    fn handle_cast(&mut self, _: &Process, message: Body) -> Result<(), Stop> {
        let (_put, thing, n): (Atom, Term, i64) = message.decode()?;
        self.put(&thing, n);
        Ok(())
    }
}

impl Stock {
    fn count(&self, thing: &Term) -> i64 {
        let thing = thing.as_str().unwrap_or_default();
        self.0.get(thing).copied().unwrap_or(0)
    }

    fn put(&mut self, thing: &Term, n: i64) {
        if let Some(thing) = thing.as_str() {
            *self.0.entry(thing.to_owned()).or_default() += n;
        }
    }
}

/// Serves all that the warehouse has to offer, for as long as the node lives.
pub(crate) async fn open(node: Node) -> Result<()> {
    node.serve("stock", Stock::default())?;

    // :erpc.call(node, Boxes, :volume, [2.0, 1.5, 1.0]), or Node.spawn_monitor/4
    node.export("Elixir.Boxes", "volume", |(w, h, d): (f64, f64, f64)| {
        w * h * d
    })?;

    // send({:orders, node}, {:order, self(), %Shop.Order{}})
    let mut orders = node.mailbox();
    orders.register("orders")?;
    while let Ok(message) = orders.recv().await {
        let Ok((_order, customer, order)) = message.decode::<(Atom, Pid, Term)>() else {
            continue;
        };
        let answer = match invoice(&node, &customer, &order).await {
            Ok(invoice) => term!({invoice, (invoice)}),
            Err(error) => term!({refused, (error.to_string().as_str())}),
        };
        orders.send(&customer, &answer).await?;
    }
    Ok(())
}

/// Asks the customer's own node, `Shop.total(order)`, and makes a `%Shop.Invoice{}` of it.
async fn invoice(node: &Node, customer: &Pid, order: &Term) -> Result<Term, CallError> {
    const STRUCT: Atom = Atom::from_static("__struct__");
    const INVOICE: Atom = Atom::from_static("Elixir.Shop.Invoice");
    let mut shop = node.erpc(customer.node().as_str());
    let total: i64 = shop.call("Elixir.Shop", "total", (order,)).await?;
    let number = order.as_map().and_then(|order| order.get_atom("number"));
    let number = number.cloned().unwrap_or_else(|| term!(nil));
    Ok(term!(#{(STRUCT) => (INVOICE), number => (number), total => (total)}))
}

#[allow(dead_code, reason = "a test opens the warehouse on a node of its own")]
fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: warehouse NAME@HOST COOKIE";
    let (name, cookie) = (
        arguments.next().ok_or(usage)?,
        arguments.next().ok_or(usage)?,
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let node = Node::builder(&name).cookie(&cookie).start().await?;
        println!("{name} is open");
        open(node).await
    })
}
