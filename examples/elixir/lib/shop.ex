defmodule Shop do
  @moduledoc """
  What the warehouse asks the shop: it is a node in Rust, and calls this module by `:erpc`.
  """

  defmodule Order do
    @moduledoc "What a customer wants: `{thing, count, price}` for each thing, the price in cents."
    @enforce_keys [:number]
    defstruct [:number, lines: []]
  end

  defmodule Invoice do
    @moduledoc "What an order costs, in cents. The warehouse makes it."
    defstruct [:number, :total]
  end

  @doc "What an order costs, in cents."
  def total(%Order{lines: lines}) do
    Enum.sum(for {_thing, count, price} <- lines, do: count * price)
  end
end
