defmodule Shop.Warehouse do
  @moduledoc """
  The warehouse: a node in Rust, which Elixir talks to as to any other node.

  A node's name is an atom, such as `:"warehouse@127.0.0.1"`. The first message connects.
  """

  alias Shop.{Invoice, Order}

  @doc "How many there are of a thing."
  def count(node, thing), do: GenServer.call({:stock, node}, {:count, thing})

  @doc "Takes some out: `{:ok, left}`, or `{:error, {:only, left}}`."
  def take(node, thing, count), do: GenServer.call({:stock, node}, {:take, thing, count})

  @doc "Puts some in. Does not wait, and does not fail."
  def put(node, thing, count), do: GenServer.cast({:stock, node}, {:put, thing, count})

  @doc "The volume of a box: a function in Rust that the node serves as `Boxes.volume/3`."
  def volume(node, width, height, depth) do
    :erpc.call(node, Boxes, :volume, [width, height, depth])
  end

  @doc "Sends an order to the process `:orders`, and waits for its invoice."
  def order(node, %Order{} = order, timeout \\ 5000) do
    send({:orders, node}, {:order, self(), order})

    receive do
      {:invoice, %Invoice{} = invoice} -> {:ok, invoice}
      {:refused, why} -> {:error, why}
    after
      timeout -> {:error, :timeout}
    end
  end
end
