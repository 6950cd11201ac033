// The shop works without this file. With it, the cart is filled without
// leaving the page, and pieces change as soon as they are typed.
"use strict";

function tell(words) {
  let note = document.querySelector(".toast");
  if (!note) {
    note = document.createElement("p");
    note.className = "toast";
    note.setAttribute("role", "status");
    document.body.append(note);
  }
  note.textContent = words;
  note.classList.add("shown");
  setTimeout(() => note.classList.remove("shown"), 2600);
}

for (const form of document.querySelectorAll("form[data-cart]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fields = new FormData(form);
    try {
      const response = await fetch("/api/cart", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ product: Number(fields.get("product")), quantity: Number(fields.get("quantity")) }),
      });
      if (!response.ok) throw new Error(String(response.status));
      const cart = await response.json();
      const count = document.getElementById("cart-count");
      count.textContent = cart.lines.reduce((sum, line) => sum + line.quantity, 0);
      count.hidden = false;
      tell("It is in your cart.");
    } catch {
      form.submit(); // the plain way says what is wrong
    }
  });
}

for (const form of document.querySelectorAll("form[data-pieces]")) {
  form.querySelector("button").hidden = true;
  form.querySelector("input[type=number]").addEventListener("change", () => form.submit());
}

for (const select of document.querySelectorAll(".sort select")) {
  const form = select.form;
  form.querySelector("button").hidden = true;
  select.addEventListener("change", () => form.submit());
}
